"""Sends a POST to each URL as a client of others does that answers Digest: CLIENT USER PASSWORD BODY URL..."""

import asyncio
import sys

CLIENT, USER, PASSWORD, BODY, *URLS = sys.argv[1:]


def with_curl():
    import pycurl

    for url in URLS:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_DIGEST)
        curl.setopt(pycurl.USERNAME, USER.encode())
        curl.setopt(pycurl.PASSWORD, PASSWORD.encode())
        curl.setopt(pycurl.POSTFIELDS, BODY.encode())
        curl.perform()
        curl.close()


async def with_aiohttp():
    import aiohttp

    for url in URLS:
        digest = aiohttp.DigestAuthMiddleware(login=USER, password=PASSWORD)
        async with aiohttp.ClientSession(middlewares=(digest,)) as session:
            async with session.post(url, data=BODY.encode()):
                pass


if CLIENT == "curl":
    with_curl()
else:
    asyncio.run(with_aiohttp())
