"""How many requests a host gets, and when: by settings, by the rate-limit headers, and by what the host refuses.

- `host_limiters`: the limiter of each host.
- `adaptive_limiter`: when the next request may be sent to one host.
- `circuit_breaker`: holds requests back after a refusal or in an outage, and probes when that is over.
- `concurrency_limiter`: how many requests one host can take at once.
- `aimd`: a limit that is found by additive increase and multiplicative decrease.
- `host_health`: whether a host is down, and which requests probe it.
- `rate_limit`: the configured limits of one source.
- `rate_limit_headers`: what a provider announces in its headers.
- `budgets`: how many requests a source has in a minute and a day, for all processes together.
- `waits`: the pauses that hosts asked for, kept for other clients and later runs.
"""
