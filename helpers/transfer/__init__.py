"""What did that cost, and why?  Counts, explains and advises, for code with or without helpers."""

from helpers.transfer.block import Transfer as Transfer
