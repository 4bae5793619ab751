"""The archives' services, one module for each, as lists of Starlette routes."""
