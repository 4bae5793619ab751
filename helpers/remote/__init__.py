"""Remote files: read only the bytes that are needed, complete or not at all."""
