"""A redis-server and a concurd on free ports of 127.0.0.1, without persistence, in a folder of their
own; both are stopped, and the folder goes, at the end."""
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"


def start(command, port, log):
    """A server; waits until it answers."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            if answers(port):
                return process
        except OSError:
            pass
        time.sleep(0.05)
    with open(log, encoding="utf8", errors="replace") as said:
        sys.stderr.write(said.read()[-2000:])
    process.kill()
    raise SystemExit("%s: %s did not start" % (sys.argv[0], command[0]))


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def pair(node, against=None):
    """The ports of redis-server and of the concurd at path node, or of what runs at port against."""
    folder = tempfile.mkdtemp(prefix="concur-pair-")
    started = []
    try:
        ports = [free_port(), against or free_port()]
        started.append(start(["redis-server", "--port", str(ports[0]), "--bind", "127.0.0.1",
                              "--save", "", "--appendonly", "no", "--dir", folder],
                             ports[0], folder + "/redis.log"))
        if against is None:
            started.append(start([node, "--port", str(ports[1]), "--store", "memory", "--gossip=",
                                  "--dir", folder + "/node"], ports[1], folder + "/concurd.log"))
        yield ports
    finally:
        for process in started:
            stop(process)
        shutil.rmtree(folder, ignore_errors=True)
