"""The bytes behind .Z, .gz, .bz2, .xz and .zst."""

from helpers.compression.formats import MAX_SIZE as MAX_SIZE
from helpers.compression.formats import decompress as decompress
