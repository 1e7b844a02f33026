"""What the tests stand on: private servers, a proxy, certificates, the product's programs."""
