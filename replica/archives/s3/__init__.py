"""The object store that keeps the archives' copies in the cloud."""
