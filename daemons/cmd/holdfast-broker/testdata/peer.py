"""A host of the cluster that follows upstream's rules. Usage: peer.py WHITEBOARD HOST_ID OTHER_ID ROUNDS.

Each round publishes the own segment and reads the whole whiteboard, as upstream's broker does: one direct read of 2001 segments, all
of it decoded as UTF-8 at once, cut into records of 4096 characters, each parsed and its check sum compared. Waits until the other
host is there, then does ROUNDS rounds. Prints a line for each thing that is wrong, then a line of JSON with what it saw.
"""
import hashlib
import json
import mmap
import os
import sys
import time
import zlib

SEGMENT, MACHINE, HOSTS = 4096, 512, 2000


def block(host, stamp, status, name, refreshed, local_time):
    """The golden block: 12 tokens with a check sum, and a part for people."""
    tokens = ["1", "1", str(stamp), str(host), "3400", status, name, "0", "0", "00000000", "1", str(refreshed)]
    tokens[9] = "%08x" % zlib.crc32("|".join(tokens).encode("utf-8"))
    human = "".join(line + "\n" for line in [
        "metadata_parse_version=1", "metadata_feature_version=1", "timestamp=%d (%s)" % (stamp, local_time), "host-id=%d" % host,
        "score=3400", "vm_conf_refresh_time=%d (%s)" % (refreshed, local_time), "conf_on_shared_storage=True",
        "maintenance=False", "state=EngineUp", "stopped=False"])
    machine = "|".join(tokens)
    assert len(machine) <= MACHINE
    return (machine.ljust(MACHINE, "\0") + human.ljust(SEGMENT - MACHINE, "\0")).encode("utf-8")


# The worked example that every implementation has to reproduce.
golden = block(1, 86400, '{"vm": "up", "health": "good", "detail": "Up"}', "host1.example.com", 86390, "Tue Nov 14 22:13:20 2023")
assert hashlib.sha256(golden).hexdigest() == "096f1c072335a20c091167fbc0784eeee8a4b6d141446bfe49e9a5d225495cd4"


def parse(text):
    """Upstream's reader; raises for what it would call malformed."""
    if len(text) < MACHINE:
        raise ValueError("malformed: %d characters" % len(text))
    tokens = text[:MACHINE].rstrip("\0").split("|")
    if int(tokens[0]) > 1 or len(tokens) < 7 or int(tokens[1]) < 1:
        raise ValueError("version")
    if len(tokens) >= 10:
        with_zeros = tokens[:9] + ["00000000"] + tokens[10:]
        if "%08x" % zlib.crc32("|".join(with_zeros).encode("utf-8")) != tokens[9]:
            raise ValueError("check sum")
    return {"host-ts": int(tokens[2]), "score": int(tokens[4]), "engine-status": json.loads(tokens[5]), "hostname": tokens[6]}


def read(path):
    size = (HOSTS + 1) * SEGMENT
    buffer = mmap.mmap(-1, size)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_SYNC)
    try:
        os.preadv(fd, [buffer], 0)
    finally:
        os.close(fd)
    return bytes(buffer)


def write(path, host, data):
    buffer = mmap.mmap(-1, SEGMENT)
    buffer[:] = data
    fd = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_SYNC)
    try:
        assert os.pwritev(fd, [buffer], host * SEGMENT) == SEGMENT
    finally:
        os.close(fd)


def main(path, own, other, rounds):
    seen, wrong, stamps, deadline = 0, 0, [], time.monotonic() + 60
    stamp, published = 1000, b""
    while seen < rounds and time.monotonic() < deadline:
        stamp += 1
        published = block(own, stamp, '{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}',
                          "python.example.com", stamp - 10, "Tue Nov 14 22:13:20 2023")
        write(path, own, published)
        try:
            text = read(path).decode("utf-8")
            hosts = {}
            for n in range(1, HOSTS + 1):
                segment = text[n * SEGMENT:(n + 1) * SEGMENT]
                if segment[0] != "\0":
                    hosts[n] = parse(segment)
        except ValueError as e:  # UnicodeDecodeError is one
            print("round %d: %s" % (stamp, e))
            wrong += 1
            time.sleep(0.05)
            continue
        if hosts.get(own, {}).get("host-ts") != stamp:
            print("round %d: own segment shows %r" % (stamp, hosts.get(own)))
            wrong += 1
        if other in hosts:
            seen += 1
            stamps.append(hosts[other]["host-ts"])
        if set(hosts) - {own, other}:
            print("round %d: unknown hosts %r" % (stamp, sorted(hosts)))
            wrong += 1
        time.sleep(0.05)
    if stamps != sorted(stamps):
        print("the other host's timestamps go back: %r" % stamps)
        wrong += 1
    print(json.dumps({"seen": seen, "wrong": wrong, "distinct": len(set(stamps)), "last": stamp,
                      "sha256": hashlib.sha256(published).hexdigest()}))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
