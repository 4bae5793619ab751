"""CDS: the name resolver Sesame."""
