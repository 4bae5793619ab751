"""Let programs that nobody of this project wrote judge the replica: ``python -m validation``."""
