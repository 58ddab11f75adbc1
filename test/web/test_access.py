# SPDX-License-Identifier: Apache-2.0
"""Who comes in: by the token, under our name, from our page; and what a stranger can do: nothing."""

from __future__ import annotations

import asyncio
import re
import stat

import pytest
from pages import site
from tornado.httpclient import HTTPClientError

from binclf_ros.core.errors import BinclfError
from binclf_ros.web.access import token_of


def test_without_a_token_nothing_is_told_but_that_it_lives():
    async def run():
        async with site() as page:
            for path in ('/', '/main.js', '/style.css', '/nothing', '/?token=wrong'):
                answer = await page.get(path, token=False)
                assert answer.code == 401, path
                assert page.server.access.token not in answer.body.decode()
            answer = await page.get('/healthz', token=False)
            assert (answer.code, answer.body) == (200, b'ok\n')
            with pytest.raises(HTTPClientError) as refused:
                await page.page(token=False)
            assert refused.value.code == 401
            assert page.server.counts['refused/no_token'] == 6

    asyncio.run(run())


def test_the_token_becomes_a_cookie_and_leaves_the_address():
    async def run():
        async with site() as page:
            answer = await page.get(f'/?token={page.server.access.token}', token=False)
            assert (answer.code, answer.headers['Location']) == (302, '/')
            cookie = answer.headers['Set-Cookie']
            assert 'HttpOnly' in cookie and 'SameSite=Strict' in cookie and 'Path=/' in cookie
            inside = await page.get('/', token=False, Cookie=cookie.split(';')[0])
            assert inside.code == 200 and inside.headers['Content-Type'].startswith('text/html')

    asyncio.run(run())


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:8080', '10.1.2.3', 'localhost.evil', ''])
def test_a_foreign_host_is_refused(host):
    async def run():
        async with site(hosts=('robot.local',)) as page:
            for path in ('/', '/healthz'):
                assert (await page.get(path, Host=host)).code in (400, 403)
            for known in ('localhost', '127.0.0.1:9000', 'robot.local', 'ROBOT.local:80'):
                assert (await page.get('/', Host=known)).code == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    'origin', ['http://evil.example', 'null', 'https://127.0.0.1', 'http://localhost:1']
)
def test_a_foreign_origin_is_refused_on_the_socket(origin):
    async def run():
        async with site() as page:
            with pytest.raises(HTTPClientError) as refused:
                await page.page(Origin=origin)
            assert refused.value.code == 403
            assert page.server.counts['refused/foreign_origin'] == 1
            assert (await (await page.page(Origin=page.place)).hear('hello'))['teach'] is True

    asyncio.run(run())


def test_every_answer_says_what_a_browser_may_do():
    async def run():
        async with site() as page:
            for path, token in (('/', True), ('/healthz', False), ('/', False), ('/nothing', True)):
                headers = (await page.get(path, token=token)).headers
                policy = headers['Content-Security-Policy']
                assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
                assert 'unsafe' not in policy
                assert headers['X-Content-Type-Options'] == 'nosniff'
                assert 'Access-Control-Allow-Origin' not in headers

    asyncio.run(run())


def test_files_have_an_etag_and_nothing_else_can_be_read():
    async def run():
        async with site() as page:
            for name, file in page.server.files.items():
                answer = await page.get(f'/{name}')
                assert (answer.code, answer.body) == (200, file.content)
                again = await page.get(f'/{name}', **{'If-None-Match': answer.headers['Etag']})
                assert (again.code, again.body) == (304, b'')
            for path in ('/../server.py', '/%2e%2e/server.py', '/static/index.html', '/../../etc/passwd'):
                assert (await page.get(path)).code == 404

    asyncio.run(run())


def test_the_page_asks_for_nothing_from_elsewhere():
    from binclf_ros.web import files

    for name, file in files.load().items():
        text = file.content.decode()
        places = set(re.findall(r'(?:https?|wss?)://[^\s\'"`]+', text)) - {'http://www.w3.org/2000/svg'}
        assert not [each for each in places if not each.startswith('ws://${')], name
        assert 'innerHTML' not in text and 'eval(' not in text and ' style="' not in text, name


def test_the_token_is_kept_over_restarts_for_the_owner_alone(tmp_path):
    path = tmp_path / 'token'
    token = token_of(str(path))
    assert token == token_of(str(path)) != token_of('')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(BinclfError, match='chmod 600'):
        token_of(str(path))
    path.chmod(0o600)
    path.write_text('short')
    with pytest.raises(BinclfError, match='holds no token'):
        token_of(str(path))
    with pytest.raises(BinclfError, match='cannot be used'):
        token_of(str(tmp_path / 'nowhere' / 'token'))


def test_a_taken_port_is_one_sentence():
    async def run():
        async with site() as page:
            with pytest.raises(BinclfError, match=f'port {page.server.port} of 127.0.0.1 is taken'):
                async with site(port=page.server.port):
                    pass

    asyncio.run(run())


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path):
    async def run():
        with pytest.raises(BinclfError, match='cannot be used'):
            async with site(certificate=str(tmp_path / 'none.pem'), key=str(tmp_path / 'none.key')):
                pass

    asyncio.run(run())


def test_who_can_read_along_is_said():
    async def run():
        async with site() as local:
            assert not local.server.warning
        async with site(address='0.0.0.0') as open_to_all:
            assert 'not encrypted' in open_to_all.server.warning
            assert '0.0.0.0' not in open_to_all.server.url

    asyncio.run(run())


def test_one_page_too_many_is_refused():
    async def run():
        async with site(max_clients=2) as page:
            first, second = await page.page(), await page.page()
            await second.hear('hello')
            with pytest.raises(HTTPClientError) as refused:
                await page.page()
            assert refused.value.code == 503
            first.connection.close()
            await page.until(lambda: page.server.n_clients == 1)
            await (await page.page()).hear('hello')

    asyncio.run(run())
