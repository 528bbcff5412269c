"""Serves a Unix socket with Python's own XML-RPC server. Usage: server.py SOCKET.

As in upstream's broker: an exception in a method is answered with None. Ends
when its standard input is closed.
"""
import os
import socketserver
import sys
import threading
import xmlrpc.client as x
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler


class Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False
    rpc_paths = ("/", "/RPC2")

    def log_request(self, code="-", size="-"):
        pass


class Server(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    def __init__(self, path):
        SimpleXMLRPCDispatcher.__init__(self, allow_none=True)
        socketserver.UnixStreamServer.__init__(self, path, Handler)


def swallow(method):
    def call(*args):
        try:
            return method(*args)
        except Exception:
            return None
    return call


server = Server(sys.argv[1])
server.register_function(lambda *args: list(args), "echo")
server.register_function(lambda *args: repr(args), "repr")
server.register_function(lambda n: "x" * n, "size")
server.register_function(lambda: {"1": x.Binary(b"1|1|" + b"\0" * 4092), "0": x.Binary(b"\xff" * 4096)}, "get_stats")
server.register_function(swallow(lambda: 1 // 0), "fails")
server.register_function(lambda: 1 // 0, "raises")
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print("ready", flush=True)
server.serve_forever()
