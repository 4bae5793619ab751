"""What the archives have in common: the Virtual Observatory's protocols, and S3's listings."""
