"""Many cutouts: which bytes to read, each of them once, and who reads them."""
