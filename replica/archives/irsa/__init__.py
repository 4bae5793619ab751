"""IRSA: the AllWISE images."""
