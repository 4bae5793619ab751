"""What clients see: a proxy with certificates for the archives' names."""
