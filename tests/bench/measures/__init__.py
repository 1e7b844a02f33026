"""The measurements, a file each: TITLE, ABOUT (a sentence or two), and measure(bench) -> list of Figures."""
