"""The twin of app.mjs, for containers of Python: `gunicorn --chdir test/wsgi/conformance app:app`."""
import json
import os
import sys
import tempfile
import time
from urllib.parse import parse_qs, quote

FOLDER = os.environ.get('WSGI_CONFORMANCE_LOG') or os.path.join(tempfile.gettempdir(), 'wsgi-conformance')
TEXT = [('Content-Type', 'text/plain')]


def note(name, word):
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, name), 'a') as file:
        file.write(word + '\n')


class Closing:
    def __init__(self, name, chunks):
        self.name = name
        self.chunks = chunks

    def __iter__(self):
        return iter(self.chunks)

    def close(self):
        note(self.name, 'close')


def shown(environ, count):
    stream, errors = environ['wsgi.input'], environ['wsgi.errors']
    seen = {
        'arguments': count,
        'plain': type(environ) is dict,
        'marked': 'test.mark' in environ,
        'keys': list(environ),
        'strings': {k: v for k, v in environ.items() if isinstance(v, str)},
        'version': list(environ['wsgi.version']),
        'flags': [bool(environ[k]) for k in ('wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once')],
        'input': all(hasattr(stream, name) for name in ('read', 'readline', 'readlines', '__iter__')),
        'errors': all(hasattr(errors, name) for name in ('write', 'writelines', 'flush')),
    }
    environ['test.mark'] = True
    environ['REQUEST_METHOD'] = 'CHANGED'
    return seen


WRONG = {
    'no-reason': lambda start: start('200', TEXT),
    'number': lambda start: start(200, TEXT),
    'status-crlf': lambda start: start('200 OK\r\nX-Evil: 1', TEXT),
    'name-space': lambda start: start('200 OK', [('X Y', 'a')]),
    'name-colon': lambda start: start('200 OK', [('X:', 'a')]),
    'value-crlf': lambda start: start('200 OK', [('X-A', 'a\r\nX-Evil: 1')]),
    'value-lf': lambda start: start('200 OK', [('X-A', 'a\nb')]),
    'value-control': lambda start: start('200 OK', [('X-A', 'a\x01b')]),
    'connection': lambda start: start('200 OK', [('Connection', 'close')]),
    'transfer-encoding': lambda start: start('200 OK', [('Transfer-Encoding', 'chunked')]),
    'upgrade': lambda start: start('200 OK', [('Upgrade', 'x')]),
    'keep-alive': lambda start: start('200 OK', [('Keep-Alive', 'x')]),
}


def excuse(text):
    try:
        raise RuntimeError(text)
    except RuntimeError:
        return sys.exc_info()


def input_(environ, start, query):
    stream = environ['wsgi.input']
    results = []
    for step in query['do'].split(','):
        method, _, size = step.partition(':')
        if method == 'iterate':
            results += list(stream)
        elif method == 'readlines':
            results += stream.readlines(*([int(size)] if size else []))
        else:
            results.append(getattr(stream, method)(*([int(size)] if size else [])))
    start('200 OK', TEXT)
    return [json.dumps([environ.get('CONTENT_LENGTH') or None, [r.decode('latin1') for r in results]]).encode()]


def errors(environ, start, query):
    environ['wsgi.errors'].write('')
    environ['wsgi.errors'].writelines(['', ''])
    environ['wsgi.errors'].flush()
    start('200 OK', TEXT)
    return [b'ok']


def wrong(environ, start, query):
    try:
        WRONG[query['case']](start)
    except BaseException:
        start('200 OK', TEXT, sys.exc_info())
        return [b'raised']
    return [b'accepted']


def twice(environ, start, query):
    start('200 OK', TEXT)
    start('200 OK', TEXT)
    return [b'never']


def twice_after_raise(environ, start, query):
    try:
        start(None, TEXT)
    except Exception:
        start('200 OK', TEXT)
    return [b'never']


def replace(environ, start, query):
    start('200 OK', [('X-First', 'yes')])
    start('502 Sorry', TEXT, excuse('replaced'))
    return [b'sorry']


def late(environ, start, query):
    start('200 OK', TEXT)
    yield b'sent'
    try:
        start('500 Late', TEXT, excuse('original'))
    except Exception as error:
        note(query['id'], str(error))
        raise
    yield b'never'


def lazy(environ, start, query):
    start('200 First', TEXT)
    yield b''
    start('201 Second', TEXT, excuse('changed'))
    yield b'x'


def lazy_write(environ, start, query):
    start('200 First', TEXT)
    write = start('201 Second', TEXT, excuse('changed'))
    write(b'')
    write(b'x')
    return []


def step(environ, start, query):
    start('200 OK', TEXT)
    yield b'late'


def nostart(environ, start, query):
    return [b'never']


def slow(environ, start, query):
    start('200 OK', TEXT)
    yield b'one '
    time.sleep(0.5)
    yield b'%d ' % (time.time() * 1000)
    yield b'end'


def empties(environ, start, query):
    yield b''
    start('200 OK', TEXT)
    yield from (b'', b'a', b'', b'', b'b', b'')


def all_bytes(environ, start, query):
    start('200 OK', [('Content-Type', 'application/octet-stream')])
    return [bytes(range(256)), b'\n\r\n']


def text_chunk(environ, start, query):
    start('200 OK', TEXT)
    return ['text', 'text']


def close(environ, start, query):
    def broken():
        yield b'a'
        raise RuntimeError('broken')

    def endless():
        for _ in range(4000):
            yield b'x' * 50_000

    start('200 OK', TEXT)
    chunks = {'end': lambda: [b'a', b'b'], 'error': broken}.get(query['case'], endless)()
    return Closing(query['id'], chunks)


def attributes(environ, start, query):
    class Result:
        def __iter__(self):
            return iter([b'a', b'b'])

        def __getattr__(self, name):
            if name not in ('close', '__len__'):
                note(query['id'], name)
            raise AttributeError(name)

    start('200 OK', TEXT)
    return Result()


def length(environ, start, query):
    write = start('200 OK', TEXT + [('Content-Length', query['announced'])])
    body = query['body'].encode()
    if query.get('how') != 'write':
        return (body[at:at + 1] for at in range(len(body)))
    try:
        write(body)
    except Exception:
        note(query['id'], 'raised')
        write(body[:int(query['announced'])])
    return []


def one(environ, start, query):
    start('200 OK', TEXT)
    return [b'abc']


def several(environ, start, query):
    start('200 OK', TEXT)
    return [b'ab', b'c']


def own_date(environ, start, query):
    start('200 OK', TEXT + [('Date', 'Thu, 01 Jan 1970 00:00:00 GMT'), ('Server', 'its own')])
    return [b'abc']


def write(environ, start, query):
    send = start('200 OK', TEXT)
    send(b'a')
    send(b'b')
    return [b'c', b'd']


def raise_(environ, start, query):
    raise RuntimeError('a secret')


def raise_late(environ, start, query):
    start('200 OK', TEXT)
    yield b'begun'
    raise RuntimeError('a secret')


def overlap(environ, start, query):
    note(query['id'], 'in')
    time.sleep(0.2)
    note(query['id'], 'out')
    start('200 OK', TEXT)
    return [b'ok']


def file(environ, start, query):
    class File:
        at = 2

        def read(self, size=-1):
            note(query['id'], 'read')
            block = b'0123456789'[self.at:self.at + size if size >= 0 else None]
            self.at += len(block)
            return block

        def close(self):
            note(query['id'], 'close')

    start('200 OK', TEXT + [('Content-Length', '5')])
    wrap = environ.get('wsgi.file_wrapper')
    return [b'absen'] if wrap is None else wrap(File(), 3)


def middleware(environ, start, query):
    inner = Closing(query['id'], [b'a', b'', b'b', b'c', b'd'])

    class Upper:
        def __iter__(self):
            held = b''
            for chunk in inner:
                held += chunk.upper()
                if len(held) < 2:
                    yield b''
                else:
                    yield held
                    held = b''

        def close(self):
            inner.close()

    start('200 OK', TEXT)
    return Upper()


def url(environ, start, query):
    text = environ['wsgi.url_scheme'] + '://'
    if environ.get('HTTP_HOST'):
        text += environ['HTTP_HOST']
    else:
        text += environ['SERVER_NAME'] + ':' + environ['SERVER_PORT']
    text += quote(environ.get('SCRIPT_NAME', ''), encoding='latin1') + quote(environ.get('PATH_INFO', ''), encoding='latin1')
    if environ.get('QUERY_STRING'):
        text += '?' + environ['QUERY_STRING']
    start('200 OK', TEXT)
    return [text.encode('latin1')]


def log(environ, start, query):
    path = os.path.join(FOLDER, query['id'])
    start('200 OK', TEXT)
    if not os.path.exists(path):
        return [b'']
    with open(path, 'rb') as found:
        return [found.read()]


SITUATIONS = {
    '/input': input_, '/errors': errors, '/wrong': wrong, '/twice': twice, '/twice-after-raise': twice_after_raise,
    '/replace': replace, '/late': late, '/lazy': lazy, '/lazy-write': lazy_write, '/step': step, '/nostart': nostart,
    '/slow': slow, '/empties': empties, '/all-bytes': all_bytes, '/text-chunk': text_chunk, '/close': close,
    '/attributes': attributes, '/length': length, '/one': one, '/several': several, '/own-date': own_date,
    '/write': write, '/raise': raise_, '/raise-late': raise_late, '/overlap': overlap, '/file': file,
    '/middleware': middleware, '/url': url, '/log': log,
}


def app(*given, **named):
    environ, start = given
    query = {k: v[0] for k, v in parse_qs(environ.get('QUERY_STRING', ''), keep_blank_values=True).items()}
    situation = SITUATIONS.get(environ['PATH_INFO'])
    if situation is not None:
        return situation(environ, start, query)
    seen = shown(environ, len(given) + len(named))
    start('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(seen).encode()]


application = app
