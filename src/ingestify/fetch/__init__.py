"""HTTP: requests with retries and limits, responses with checked lengths, files that resume, and listings in pages.

- `loader`: `retrieve_http`, for file loaders.
- `http`: `HttpClient`, the client of one source; implements `domain.ports.Fetcher`.
- `options`: the settings of a client.
- `download`: one file on its way into a sink, also in parts.
- `request_executor`: one request with its limits, redirects and tries.
- `retries`: which failures are tried again, how often, and after which pause.
- `redirect_policy`: to which hosts a provider's response may lead.
- `request`: the request as it is sent, and what a redirect keeps of it.
- `response`: the response, in memory or while it comes.
- `json_values`: the JSON of an index, read without a limit on numbers and nesting, and with one on memory.
- `current_context`: what the current thread fetches for.
- `paging`: listings that a provider gives page by page.
- `throttling`: how often, and how many at once, a host is asked.
- `transport`: sockets, TLS and the bytes of HTTP.
"""
