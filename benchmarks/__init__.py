"""Side by side with what people do today: requests, bytes, seconds and memory.

``python -m benchmarks`` starts replicas that play three networks, and writes
``build/benchmarks.md`` and ``build/benchmarks.json``.
"""
