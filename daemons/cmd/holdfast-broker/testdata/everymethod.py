"""Calls every method of the broker as upstream's client does. Usage: everymethod.py SOCKET HOST_ID SANLOCK.

A plain ServerProxy: a connection for each call over a Unix socket whose path travels, in upper case base 16, as the host of the URL.
SANLOCK is yes or no: whether there is a sanlock daemon, so that the host id can be had. Prints one line for each check that fails, and
at the end "called:" with the names of all methods that were called.
"""
import base64
import http.client
import socket
import sys
import time
import xmlrpc.client as x
import zlib


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(base64.b16decode(self.host).decode())


class Transport(x.Transport):
    def make_connection(self, host):
        return Connection(host)


broker = x.ServerProxy("http://" + base64.b16encode(sys.argv[1].encode()).decode(), transport=Transport(), allow_none=True)
own, sanlock = int(sys.argv[2]), sys.argv[3] == "yes"
called = set()


def call(method, *args):
    called.add(method)
    return getattr(broker, method)(*args)


def check(what, got, want):
    if got != want or type(got) is not type(want):
        print("%s: got %r, want %r" % (what, got, want))


def eventually(what, wanted, probe):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        got = probe()
        if wanted(got):
            return got
        time.sleep(0.05)
    print("%s: still %r" % (what, got))
    return got


def members(what, got, want):
    check("members of " + what, sorted(got), sorted(want))


def record(stamp):
    tokens = ["1", "1", str(stamp), str(own), "3400", '{"vm": "up", "health": "good", "detail": "Up"}', "h", "0", "0", "00000000", "1", "0"]
    tokens[9] = "%08x" % zlib.crc32("|".join(tokens).encode())
    return "|".join(tokens).encode().ljust(512, b"\0")


done = "ok" if sanlock else None

# The thirteen of upstream, its way of passing arguments.
eventually("storage is read", lambda v: v["read_age"] >= 0, lambda: call("get_view"))
eventually("storage is connected", lambda s: s["mount"]["state"] == "connected", lambda: call("get_status"))
if sanlock:
    eventually("a new lockspace", lambda r: r == "ok", lambda: call("reset_lockspace"))
else:
    check("reset_lockspace without sanlock", call("reset_lockspace", 0), None)
check("lock_host_id of another", call("lock_host_id", own + 1), None)
check("lock_host_id", call("lock_host_id", own) if sanlock else call("lock_host_id", own, 0.1), done)
check("put_stats", call("put_stats", own, x.Binary(record(1))), "ok")
check("put_stats again", call("put_stats", own, x.Binary(record(2))), "ok")
check("put_stats of another", call("put_stats", own + 1, x.Binary(record(3))), None)
check("put_stats, wrong size", call("put_stats", own, x.Binary(b"1|1|")), None)
check("put_stats, not ASCII", call("put_stats", own, x.Binary(b"\xff" * 512)), None)
check("put_stats, one argument", call("put_stats", own), None)
stats = call("get_stats")
check("get_stats", stats, {str(own): x.Binary(record(2).ljust(4096, b"\0"))})
check("is_host_alive", call("is_host_alive"), [])
check("push_hosts_state", call("push_hosts_state", [own, own + 1]), "ok")
check("is_host_alive", call("is_host_alive"), [own, own + 1])
check("start_monitor", call("start_monitor", "mem-free", {}), "mem-free")
eventually("status_monitor", lambda t: t.isdigit(), lambda: call("status_monitor", "mem-free"))
check("stop_monitor", call("stop_monitor", "mem-free"), "ok")
check("stop_monitor again", call("stop_monitor", "mem-free"), None)
check("status_monitor of none", call("status_monitor", "mem-free"), None)
check("start_monitor of no type", call("start_monitor", "nonsense", {}), None)
check("notify", call("notify", "state_transition", "EngineDown-EngineStart", {"hostname": "h"}), "ignored")
check("start_domain_monitor", call("start_domain_monitor", own), "ok")
check("stop_domain_monitor", call("stop_domain_monitor"), "ok")

# The newer ones.
members("put_stats_wait", call("put_stats_wait", own, x.Binary(record(4)), 10 if sanlock else 0.1), ["accepted", "durable", "waited", "detail"])
put = call("put_stats_wait", own, x.Binary(record(5)), 10 if sanlock else 0.1)
check("put_stats_wait", (put["accepted"], put["durable"]), (True, sanlock))
put = call("put_stats_wait", 0, x.Binary(b"maintenance=1".ljust(512, b"\0")), 10)
check("put_stats_wait of segment 0", (put["accepted"], put["durable"]), (True, True))
put = call("put_stats_wait", own + 1, x.Binary(record(6)), 0)
check("put_stats_wait of another", (put["accepted"], put["durable"], put["detail"] != ""), (False, False, True))
view = call("get_view")
members("get_view", view, ["now", "read_age", "segments", "lease", "storage"])
members("get_view's lease", view["lease"], ["state", "host_id", "since", "age", "detail"])
check("get_view's segments", [s["host_id"] for s in view["segments"]], [0, own])
for s in view["segments"]:
    members("a segment", s, ["host_id", "data", "source", "age", "pending", "durable", "durable_age"])
check("get_view's data", view["segments"][1]["data"].data, record(5).ljust(4096, b"\0"))
lanes = call("get_lanes")
check("get_lanes", [lane["name"] for lane in lanes["lanes"]],
      ["ha-writer", "ha-reader", "ha-lease", "ha-mount", "ha-domain", "ha-ovf", "ha-notify"])
for lane in lanes["lanes"]:
    members("a lane", lane, ["name", "tid", "busy", "op", "segment", "since", "blocked_for", "stalled", "completed", "failed"])
health = call("get_health")
members("get_health", health, ["now", "ok", "uptime", "warnings"])
for w in health["warnings"]:
    members("a warning", w, ["code", "title", "severity", "detail", "remedy", "since", "age"])
status = call("get_status")
members("get_status", status, ["now", "version", "host_id", "uptime", "mount", "domain", "lease", "monitors", "ovf", "archive", "notify"])
check("get_status' host id", status["host_id"], own)
check("get_status' domain", (status["domain"]["state"], status["domain"]["valid"]), ("off", True))
shared = call("get_shared_file", "vm.conf")
members("get_shared_file", shared, ["data", "age", "valid", "detail"])
check("get_shared_file", (shared["valid"], shared["age"]), (False, -1.0))
check("get_shared_file of no name", call("get_shared_file", "/etc/passwd")["valid"], False)
check("put_shared_file without a volume", call("put_shared_file", "broker.conf", x.Binary(b"[email]\n"), 1), None)
check("release_host_id", call("release_host_id"), done)
check("release_host_id again", call("release_host_id"), None)
check("disconnect_storage", call("disconnect_storage"), "ok")
check("get_status' mount", call("get_status")["mount"]["state"], "disconnected")
check("connect_storage", call("connect_storage"), "ok")
check("a wait that is none", call("connect_storage", -1), None)
check("a wait that is no number", call("connect_storage", "soon"), None)

try:
    call("nosuch")
    print("nosuch: no fault")
except x.Fault as e:
    check("nosuch", (e.faultCode, e.faultString), (1, '<class \'Exception\'>:method "nosuch" is not supported'))
print("called: " + " ".join(sorted(called - {"nosuch"})))
