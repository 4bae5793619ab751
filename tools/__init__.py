"""What maintainers run: execute the notebooks, pair them, write their pages."""
