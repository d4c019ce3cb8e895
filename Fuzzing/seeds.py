"""Writes inputs for libFuzzer to begin with, a directory for each target: seeds.py DIRECTORY

Texts are those of the tests and the golden scenarios. Tables and dumps are read from this kernel, into which the
rules of the golden skeletons are loaded: run it in a network namespace of its own (unshare -n).
"""

import base64
import json
import pathlib
import re
import subprocess
import sys

import kernel

root = pathlib.Path(__file__).resolve().parent.parent
tests = root / "Tests"
goldens = tests / "PlanningTests/Goldens"


def texts_in(path):
    """The texts of a file of tests: what stands between two lines of three quotes."""
    parts = re.findall(r'"""\n(.*?)"""', path.read_text(), re.DOTALL)
    return [re.sub(r"^ +", "", part) if part.count("\n") < 2 else outdented(part) for part in parts]


def outdented(text):
    lines = text.split("\n")
    indent = len(lines[-1])
    return "\n".join(line[indent:] for line in lines)


def api():
    made = json.loads(
        subprocess.check_output([sys.executable, tests / "KubernetesAPITests/objects.py", "1", "2"])
    )
    for resource, kind in enumerate(["Service", "EndpointSlice", "Node", "ServiceCIDR"]):
        for decoder, form in enumerate(["status", "watch", "list"]):
            for name in ["protobuf", "json"]:
                head = bytes([resource | decoder << 3, 50])
                yield f"api-{name}", head + base64.b64decode(made[kind][form][name])
    # A file begins with its own head, behind the byte 0.
    yield "state-file", b"\0fairlead-cluster 2 \n"
    facts, service = b"\2", b"\1\1\0\0\0\4shop\2\0\0\0\3web"
    for body in facts, service:
        yield "state-file", b"\1" + len(body).to_bytes(2, "big") + body


def texts():
    manifests = sorted(goldens.glob("*/*.yaml")) + sorted((tests / "Inputs").glob("*/*.yaml"))
    for path in manifests:
        name = "configuration" if path.name == "config.yaml" else "manifest"
        yield name, path.read_bytes()
    for path in sorted((root / "config").rglob("*.yaml")):
        yield "configuration" if path.name == "fairlead.yaml" else "manifest", path.read_bytes()
    for name, files in {
        "configuration": ["DaemonConfigurationTests/*.swift"],
        "kubeconfig": ["KubernetesClientTests/KubeconfigTests.swift"],
        "exec-plugin": ["KubernetesClientTests/ExecPluginTests.swift"],
        "manifest": ["ServiceSourcesTests/*.swift"],
        "keepalived": ["ConversionTests/*.swift"],
        "ipvsadm": ["ConversionTests/*.swift"],
        "cilium": ["ConversionTests/*.swift"],
    }.items():
        for pattern in files:
            for path in sorted(tests.glob(pattern)):
                for text in texts_in(path):
                    yield name, text.encode()
    converted = tests / "ConversionTests/Goldens"
    for name, pattern in {
        "ipvsadm": "*.rules", "keepalived": "*.conf", "cilium": "*.cilium.yaml",
    }.items():
        for path in sorted(converted.glob(pattern)):
            yield name, path.read_bytes()
    yield "configuration", (
        b"apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
        b"mode: ipvs\nclusterCIDR: 10.244.0.0/16\nnodePortAddresses: [primary]\n"
        b"featureGates: {TopologyAwareHints: true}\nipvs: {scheduler: rr, tcpTimeout: 1h2m3.5s}\n"
    )
    yield "kube-proxy-flags", (
        b"--proxy-mode=ipvs\n--masquerade-all\n--cluster-cidr\n10.0.0.0/8,fd00::/8\n-v2\n"
        b"--nodeport-addresses=primary\n--ipvs-tcp-timeout=1h\n--hostname-override=a"
    )
    yield "exec-plugin", (
        b'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":'
        b'{"token":"t","expirationTimestamp":"2026-01-02T03:04:05.678Z"}}'
    )
    for text in [
        "10.96.0.10:80/tcp", "[fd00::1]:53/udp", "10.96.0.10/icmp", "[fd00::1]/icmpv6", "fd00::/64",
        "::ffff:1.2.3.4", "1.2.3.4/32",
    ]:
        yield "trace-addresses", text.encode()


def requests():
    yield b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"HEAD /status/a%2fb?x=1&y HTTP/1.0\r\nAccept: application/json\r\n\r\n"
    yield b"POST /confirm HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    yield b"POST /confirm HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"


def tunnels():
    """What proxies answer, behind the kind of proxy and the length of pieces."""
    http = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n\x16\x03\x01"
    for kind in 0, 1, 4:
        yield bytes([kind, 4]) + http
        yield bytes([kind, 4]) + b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n"
        yield bytes([kind, 4]) + b"HTTP/1.1 403 \xd1\x84\x1b[2J\r\n\r\n"
    for answer in [
        b"\5\0\0\1\x0a\0\0\1\0\x50", b"\5\0\0\3\3api\0\x50", b"\5\0\0\4" + b"\xfd" * 16 + b"\0\x50",
        b"\5\5\0\1\0",
    ]:
        yield b"\2\0\5\0" + answer + b"rest"
        yield b"\7\1\5\2\1\0" + answer


def main():
    target = pathlib.Path(sys.argv[1])
    seeds = list(api()) + list(texts()) + [("http", request) for request in requests()]
    seeds += [("proxy-tunnel", answer) for answer in tunnels()]
    seeds += kernel.seeds(goldens / "skeleton")
    for number, (name, content) in enumerate(seeds):
        directory = target / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number:04}").write_bytes(content)


main()
