import Foundation
import Glibc
import NamespaceLab

/// A cgroup and a bpf file system of the test's own, for the socket level of a `DaemonFixture`. Both are reached below
/// the temporary folder, as `ip netns exec` gives its program another /sys.
final class SocketLevelFixture {
    let cgroup: String
    let directory: String
    private let unifiedHierarchy: String
    private let pinned: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.path
        unifiedHierarchy = "\(folder)/fairlead-cgroup-\(getpid())"
        pinned = "\(folder)/fairlead-bpf-\(getpid())"
        cgroup = "\(unifiedHierarchy)/fairlead-life-\(getpid())"
        directory = "\(pinned)/fairlead"
        for (kind, place) in [("cgroup2", unifiedHierarchy), ("bpf", pinned)] {
            try FileManager.default.createDirectory(
                atPath: place,
                withIntermediateDirectories: true
            )
            guard mount(kind, place, kind, 0, kind == "bpf" ? "mode=0700" : nil) == 0 else {
                throw LabError("mount \(place): errno \(errno)")
            }
        }
        try FileManager.default.createDirectory(atPath: cgroup, withIntermediateDirectories: true)
    }

    deinit {
        rmdir(cgroup)
        for place in [unifiedHierarchy, pinned] {
            umount2(place, Int32(MNT_DETACH))
            rmdir(place)
        }
    }

    /// Lines of a daemon's configuration.
    func section(_ scope: String, protocols: String = "[TCP]") -> String {
        "socketLB: {scope: \(scope), protocols: \(protocols), cgroup: \(cgroup), bpfDirectory: \(directory)}\n"
    }

    /// Names of what is pinned.
    var pins: [String] {
        (FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? [])
            .filter { $0.split(separator: "/").count == 3 }.sorted()
    }

    /// A client in a namespace and in the cgroup.
    func client(in namespace: String) throws -> SocketLevelClient {
        try SocketLevelClient(cgroup, namespace)
    }
}

/// A program that opens connections as it is told.
final class SocketLevelClient {
    private let process: LabProcess

    fileprivate init(_ cgroup: String, _ namespace: String) throws {
        process = try LabProcess(["python3", "-u", "-c", Self.script, cgroup], in: namespace)
        try process.waitForLine(containing: "ready")
    }

    deinit { process.closeInput() }

    private func ask(_ command: String) throws -> String {
        try process.writeLine(command)
        return try process.readLine(Deadline(in: .seconds(60))) ?? ""
    }

    /// `pod1 peer 10.96.0.10:80 own 10.180.0.13`: who answers, and the addresses that the socket shows; or the
    /// error.
    func connect(_ address: String, _ port: Int) throws -> String {
        try ask("connect \(address) \(port)")
    }

    /// Connects again and again until `end`.
    func loop(_ address: String, _ port: Int) throws { _ = try ask("loop \(address) \(port)") }

    /// Connections of the loop so far.
    func count() throws -> Int { Int(try ask("count")) ?? -1 }

    /// The number of connections, and the errors.
    func end() throws -> (done: Int, errors: String) {
        let words = try ask("end").split(separator: " ", maxSplits: 1).map(String.init)
        return (Int(words.first ?? "") ?? -1, words.count > 1 ? words[1] : "")
    }

    /// Connects a UDP socket and returns who answers there. Then it waits for something, as a program would: when the
    /// socket fails it connects once more.
    func follow(_ name: String, _ address: String, _ port: Int) throws -> String {
        try ask("follow \(name) \(address) \(port)")
    }

    /// `waiting pod1`, with who answered, or `ECONNABORTED pod2`, with the error and who answered after that.
    func followed(_ name: String) throws -> String { try ask("followed \(name)") }

    private static let script = #"""
        import errno, os, socket, struct, sys, threading

        with open(sys.argv[1] + "/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))

        def name(address):
            return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"

        def connect(ip, port):
            kind = socket.AF_INET6 if ":" in ip else socket.AF_INET
            with socket.socket(kind, socket.SOCK_STREAM) as client:
                client.settimeout(10)
                client.connect((ip, int(port)))
                peer, own = client.getpeername(), client.getsockname()
                server = client.recv(200).decode().split()[0]
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return f"{server} peer {name(peer)} own {own[0]}"

        followed = {}

        def answer(client):
            client.send(b"?")
            return client.recv(200).decode().split()[0]

        def follow(key, ip, port):
            client = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
            client.settimeout(10)
            client.connect((ip, int(port)))
            first = answer(client)
            client.settimeout(None)
            def body():
                try:
                    client.recv(200)
                except OSError as error:
                    followed[key][1] = errno.errorcode.get(error.errno, str(error))
                    client.settimeout(10)
                    client.connect((ip, int(port)))
                    followed[key][2] = answer(client)
            thread = threading.Thread(target=body, daemon=True)
            followed[key] = [client, "waiting", first, thread]
            thread.start()
            return first

        def follower(key):
            if followed[key][1] != "waiting":
                followed[key][3].join(10)
            return f"{followed[key][1]} {followed[key][2]}"

        state = {"runs": False}

        def body(ip, port):
            while state["runs"]:
                try:
                    connect(ip, port)
                    state["done"] += 1
                except OSError as error:
                    state["errors"].append(errno.errorcode.get(error.errno, str(error)))

        def loop(ip, port):
            state.update(runs=True, done=0, errors=[])
            state["thread"] = threading.Thread(target=body, args=(ip, port), daemon=True)
            state["thread"].start()
            return "looping"

        def count():
            return str(state["done"])

        def end():
            state["runs"] = False
            state["thread"].join()
            return f"{state['done']} {' '.join(state['errors'])}".strip()

        commands = {"connect": connect, "loop": loop, "count": count, "end": end,
                    "follow": follow, "followed": follower}
        print("ready")
        for line in sys.stdin:
            command, *words = line.split()
            try:
                print(commands[command](*words))
            except (OSError, IndexError) as error:
                print(errno.errorcode.get(getattr(error, "errno", None), str(error)))
        """#
}
