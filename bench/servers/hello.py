"""The same hello for containers of Python: `hello.py waitress|gevent|tornado port`, or as the module hello:app."""
import sys

BODY = b'Hello, World!'


def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8')])
    return [BODY]


def waitress(port):
    from waitress import serve
    serve(app, host='127.0.0.1', port=port, threads=4, _quiet=True)


def gevent(port):
    from gevent.pywsgi import WSGIServer
    WSGIServer(('127.0.0.1', port), app, log=None).serve_forever()


def tornado(port):
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop
    from tornado.wsgi import WSGIContainer
    import logging
    logging.getLogger('tornado.access').disabled = True
    HTTPServer(WSGIContainer(app)).listen(port, '127.0.0.1')
    IOLoop.current().start()


if __name__ == '__main__':
    globals()[sys.argv[1]](int(sys.argv[2]))
