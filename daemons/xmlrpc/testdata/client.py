"""Calls the server under test as upstream's client does. Usage: client.py SOCKET.

A connection for each call over a Unix socket whose path travels, in upper case
base 16, as the host of the URL; gzip asked for; None allowed; long ints as i8.
Prints one line for each check that fails, and "done" at the end.
"""
import base64
import http.client
import socket
import sys
import xmlrpc.client as x


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(base64.b16decode(self.host).decode())


class Transport(x.Transport):
    def make_connection(self, host):
        return Connection(host)

    def parse_response(self, response):
        seen["encoding"] = response.getheader("Content-Encoding", "")
        return super().parse_response(response)


def dump_long(self, value, write):
    tag = "int" if -2**31 < value < 2**31 else "i8"
    write("<value><%s>%d</%s></value>\n" % (tag, value, tag))


x.Marshaller.dispatch[int] = dump_long
seen = {}
path = sys.argv[1]
host = base64.b16encode(path.encode()).decode()
assert host == host.upper()
broker = x.ServerProxy("http://" + host, transport=Transport(), allow_none=True)


def check(what, got, want):
    if got != want or type(got) is not type(want):
        print("%s: got %r, want %r" % (what, got, want))


for value in [None, True, False, 0, 1, -1, 2**31 - 1, -2**31 + 1, 2**31, -2**31, 2**40, -2**63, 2**63 - 1,
              0.0, 0.8, 1.0, -1e300, 3.5e-10, "", " ", "ok", " with blanks ", "a<b>&c \"quoted\" ]]>", "tab\tand\nline",
              "gr\u00fc\u00df \u65e5\u672c \U0001f600", [], [1, [2, [None, "x"]]], {}, {"b": 1, "a": [True]},
              {"addr": "192.168.122.1", "network_test": None, "tcp_t_port": None}]:
    check("echo of %r" % (value,), broker.echo(value), [value])
for size in [0, 1, 55, 56, 57, 58, 114, 4096]:
    data = bytes(i * 7 % 256 for i in range(size))
    check("echo of %d bytes" % size, broker.echo(x.Binary(data)), [x.Binary(data)])
check("several arguments", broker.echo(1, "two", None), [1, "two", None])
check("member order", list(broker.echo({"z": 1, "a": 2, "m": 3})[0]), ["z", "a", "m"])

check("short reply", (broker.size(100), seen["encoding"]), ("x" * 100, ""))
check("long reply", (broker.size(5000), seen["encoding"]), ("x" * 5000, "gzip"))

check("reply in pieces", (broker.pieces(), seen["encoding"]),
      ({"1": x.Binary(b"k" * 1000), "2": x.Binary(b"k" * 1000), "3": "fresh"}, "gzip"))

check("error in a method", broker.fails(), None)
check("panic in a method", broker.panics(), None)
check("wrong argument count", broker.size(1, 2, 3), None)
check("unencodable result", broker.channel(), None)


def fault(call, *args):
    try:
        return call(*args)
    except x.Fault as e:
        return (e.faultCode, e.faultString)


check("unknown method", fault(broker.nosuch), (1, '<class \'Exception\'>:method "nosuch" is not supported'))
check("private method", fault(broker._hidden), (1, '<class \'Exception\'>:method "_hidden" is not supported'))
check("introspection", fault(broker.system.listMethods), (1, '<class \'Exception\'>:method "system.listMethods" is not supported'))
check("fault of a method", fault(broker.faults), (42, "a <fault> & more"))
try:
    x.ServerProxy("http://" + host + "/elsewhere", transport=Transport(), allow_none=True).echo(1)
    print("other path: no error")
except x.ProtocolError as e:
    check("other path", e.errcode, 404)
check("path /", x.ServerProxy("http://" + host + "/", transport=Transport(), allow_none=True).echo(1), [1])
print("done")
