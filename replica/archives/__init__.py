"""The archives: one folder each, and none imports another."""
