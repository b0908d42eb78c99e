"""A reference ASR server after Smallest's documentation, for its images are closed.

Three programs as in the real deployment: api-server (7100), lightning-asr (2269) and license-proxy
(3369), plus a real Redis. Written from docs/api-reference and docs/kubernetes of the repository
smallest-inc/smallest-self-host; what they leave open is said in `health`.

It runs on the Python and aiohttp of Debian 12 too, so that its image needs nothing else.
"""
