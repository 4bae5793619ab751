"""The products' files: made, kept, listed and sent."""
