"""The Python package as a package: typed, built without a network, installed, and used from where it was installed."""

import subprocess
import sys
import tarfile
import zipfile

import pytest

from support.package import PACKAGE, Python, environment, library

from conftest import ROOT

SAY = """
import taskledger
with taskledger.configure(close_timeout=60).task("t"):
    print(taskledger.__file__, taskledger.__version__)
"""
QUIETLY = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the sources, since a build leaves things beside them."""
    folder = tmp_path_factory.mktemp("source") / "python"
    subprocess.run(["cp", "-r", PACKAGE, folder], check=True)
    for leftover in folder.rglob("__pycache__"):
        subprocess.run(["rm", "-r", leftover], check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run("pip", "wheel", "--no-build-isolation", *QUIETLY, "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(*command, **options):
    result = subprocess.run(
        [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, timeout=300, **options
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def modules():
    return {str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("taskledger/**/*.py")} | {"taskledger/py.typed"}


def test_every_module_has_strict_types(tmp_path):
    run("mypy", "--strict", "--cache-dir", tmp_path, "-p", "taskledger", cwd=PACKAGE)


def test_those_who_use_it_see_its_types(tmp_path):
    (tmp_path / "user.py").write_text(
        "import taskledger\n"
        "with taskledger.producer().task('t') as task:\n"
        "    reveal_type(task.progress(0.4))\n"
        "reveal_type(taskledger.producer().counters().sent)\n"
        "taskledger.Producer(spool=7)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, tmp_path / "user.py"]
    said = subprocess.run(command, capture_output=True, text=True, env={"MYPYPATH": str(PACKAGE)}).stdout
    assert 'Revealed type is "builtins.bool"' in said and 'Revealed type is "builtins.int"' in said
    assert said.count("error:") == 1 and 'expected "Optional[str]"' in said


def test_a_wheel_holds_all_modules_and_fits_every_machine(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert modules() == {name for name in names if ".dist-info/" not in name}


def test_a_source_archive_builds_the_same_wheel(source, wheel, tmp_path):
    command = "import setuptools.build_meta as build, sys; print(build.build_sdist(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, tmp_path], cwd=source, check=True, stdout=subprocess.DEVNULL)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path)
    unpacked = archive.with_suffix("").with_suffix("")
    run("pip", "wheel", "--no-build-isolation", *QUIETLY, "--wheel-dir", tmp_path, unpacked)
    (again,) = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def test_what_is_installed_from_the_wheel_works(wheel, redis, build, scratch):
    installed = scratch / "installed"
    run("pip", "install", *QUIETLY, "--target", installed, wheel)
    used = Python(SAY, environment(build, scratch, redis, package=installed), scratch)
    assert used.end().startswith(f"{installed}/taskledger/__init__.py 0.1.0")
    assert redis.client().xlen("taskledger:events") == 4


def test_a_library_in_the_folder_of_the_package_is_found(redis, build, scratch):
    subprocess.run(["cp", "-r", PACKAGE, scratch / "beside"], check=True)
    subprocess.run(["cp", library(build), scratch / "beside/taskledger/libtaskledger.so.0"], check=True)
    environ = environment(build, scratch, redis, package=scratch / "beside")
    del environ["TASKLEDGER_LIBRARY"]
    used = Python(SAY, environ, scratch)
    used.end()
    assert redis.client().xlen("taskledger:events") == 4


def test_a_library_of_the_system_is_found(redis, build, scratch):
    environ = environment(build, scratch, redis, LD_LIBRARY_PATH=library(build).parent)
    del environ["TASKLEDGER_LIBRARY"]
    used = Python(SAY, environ, scratch)
    used.end()
    assert redis.client().xlen("taskledger:events") == 4


def test_it_has_the_version_of_the_library(build):
    from taskledger import __version__, _library

    assert _library.Library(str(library(build))).version().decode() == __version__
    assert f"VERSION {__version__}" in (ROOT / "CMakeLists.txt").read_text()


def test_importing_it_imports_nothing_heavy(build, scratch):
    code = "import sys, taskledger; print([name for name in HEAVY if name in sys.modules])"
    heavy = "HEAVY = ['asyncio', 'redis', 'celery', 'rq', 'gevent', 'opentelemetry', 'ssl', 'sqlite3']\n"
    assert Python(heavy + code, environment(build, scratch), scratch).end() == "[]\n"
