import CSpawn
import Glibc

/// A process in a cgroup and in this thread's network namespace, or in a new one: it opens sockets as it is
/// told, and has servers, which answer with their address and the client's.
final class SocketAgent {
    private let channel: Int32
    let process: pid_t
    private var unread: [UInt8] = []

    init(cgroup: String, inNewNamespace: Bool = false) throws {
        var ends: [Int32] = [0, 0]
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, flags, 0, &ends) == 0 else {
            throw Program.Failure(description: "socketpair: \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        let namespace = inNewNamespace ? ["unshare", "-n"] : []
        let arguments = namespace + ["python3", "-c", Self.script, cgroup]
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let failure = posix_spawnp(&pid, arguments[0], &actions, nil, words, environ)
        close(ends[1])
        channel = ends[0]
        process = pid
        guard failure == 0 else { throw Program.Failure(description: "python3: \(failure)") }
        guard try line() == "ready" else { throw Program.Failure(description: "no agent") }
    }

    deinit {
        // It ends when nobody can tell it anything.
        close(channel)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    /// Sends a command and returns the answer, which must come within seconds.
    @discardableResult
    func ask(_ command: String) throws -> String {
        let bytes = Array("\(command)\n".utf8)
        guard send(channel, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Program.Failure(description: "the agent is gone")
        }
        return try line()
    }

    /// The answers to the same command, asked again and again.
    func ask(_ command: String, times: Int) throws -> [String: Int] {
        var answers: [String: Int] = [:]
        for _ in 0..<times { answers[try ask(command), default: 0] += 1 }
        return answers
    }

    private func line() throws -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            var wait = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
            var bytes = [UInt8](repeating: 0, count: 4096)
            guard poll(&wait, 1, 20_000) == 1 else {
                throw Program.Failure(description: "the agent does not answer")
            }
            let count = recv(channel, &bytes, bytes.count, 0)
            guard count > 0 else { throw Program.Failure(description: "the agent has ended") }
            unread += bytes.prefix(count)
        }
    }

    /// Commands:
    ///
    /// - `serve IP PORT`: TCP and UDP servers.
    /// - `connect tcp|udp SOCKET-FAMILY IP PORT [BOUND-IP]`: which server answers, the peer that the socket
    ///   shows, the source of the answer; or the error.
    /// - `open NAME SOCKET-FAMILY`, `open-connected NAME ...` as for connect, `close NAME`: UDP sockets that
    ///   stay open.
    /// - `reconnect NAME IP PORT`: the same socket to another peer; `disconnect NAME`: to none.
    /// - `open-many COUNT NAME ...` as for one, with a number behind the name; `broken NAME`: how many of them have
    ///   the error ECONNABORTED, which they have no more then.
    /// - `send NAME [IP PORT]`: one datagram and its answer.
    /// - `first-datagrams COUNT SOCKET-FAMILY IP PORT`: two processes send the first datagrams of each of so many
    ///   sockets at the same moment; of how many the answers came from two servers.
    /// - `wait NAME`: what comes without being asked for, or the error, within five seconds; `waited NAME` tells.
    /// - `lock PATH`, `unlock PATH`: a file lock.
    /// - `loop IP PORT`, `end`: connects again and again until the end; the numbers of connections and of
    ///   failures.
    private static let script = #"""
        import ctypes, errno, fcntl, mmap, os, resource, socket, struct, sys, threading, time

        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))

        with open(sys.argv[1] + "/cgroup.procs", "w") as procs:
            procs.write(str(os.getpid()))

        FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}
        KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
        sockets = {}

        def family_of(ip):
            return socket.AF_INET6 if ":" in ip else socket.AF_INET

        def name(address):
            ip = address[0]
            return f"[{ip}]:{address[1]}" if ":" in ip else f"{ip}:{address[1]}"

        def serve_tcp(server, own):
            while True:
                connection, client = server.accept()
                connection.sendall(f"{own} {client[0]}".encode())
                connection.close()

        def serve_udp(server, own):
            while True:
                _, client = server.recvfrom(100)
                server.sendto(f"{own} {client[0]}".encode(), client)

        def serve(ip, port):
            for kind, body in ((socket.SOCK_STREAM, serve_tcp), (socket.SOCK_DGRAM, serve_udp)):
                server = socket.socket(family_of(ip), kind)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind((ip, int(port)))
                if kind == socket.SOCK_STREAM:
                    server.listen(128)
                threading.Thread(target=body, args=(server, name((ip, port))), daemon=True).start()
            return "serving"

        def connected(kind, family, ip, port, bound=None):
            client = socket.socket(FAMILIES[family], KINDS[kind])
            client.settimeout(5)
            if bound:
                client.bind((bound, 0))
            client.connect((ip, int(port)))
            return client

        def exchange(client):
            if client.type == socket.SOCK_DGRAM:
                client.send(b"?")
            answer, source = client.recvfrom(100)
            server = answer.decode().split()[0]
            text = f"{server} peer {name(client.getpeername())}"
            return text + (f" from {name(source)}" if source else "")

        def connect(*words):
            client = connected(*words)
            try:
                return exchange(client)
            finally:
                if client.type == socket.SOCK_STREAM:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()

        def send(key, ip=None, port=None):
            client = sockets[key]
            if ip is None:
                return exchange(client)
            client.sendto(b"?", (ip, int(port)))
            answer, source = client.recvfrom(100)
            return f"{answer.decode().split()[0]} from {name(source)}"

        def open_socket(key, family):
            sockets[key] = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
            sockets[key].settimeout(5)
            return "open"

        def open_connected(key, *words):
            sockets[key] = connected(*words)
            return "open"

        def reconnect(key, ip, port):
            sockets[key].connect((ip, int(port)))
            return "connected"

        def disconnect(key):
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.connect(sockets[key].fileno(), bytes(16), 16) != 0:
                raise OSError(ctypes.get_errno(), "connect")
            return "disconnected"

        def first_datagrams(count, family, ip, port):
            clients = [socket.socket(FAMILIES[family], socket.SOCK_DGRAM) for _ in range(int(count))]
            # How far the two processes are that share each socket: neither is ahead of the other.
            turns = mmap.mmap(-1, 2)
            child = os.fork()
            own, other = (0, 1) if child else (1, 0)
            deadline = time.monotonic() + 15
            for number, client in enumerate(clients):
                turn = number % 250 + 1
                turns[own] = turn
                while turns[other] not in (turn, turn % 250 + 1) and time.monotonic() < deadline:
                    pass
                client.sendto(b"?", (ip, int(port)))
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
            split = 0
            for client in clients:
                client.settimeout(5)
                split += client.recv(100) != client.recv(100)
                client.close()
            return str(split)

        def open_many(count, key, *words):
            for number in range(int(count)):
                sockets[f"{key}{number}"] = connected(*words)
            return "open"

        def broken(key):
            errors = [client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                      for name, client in sockets.items() if name.startswith(key)]
            return str(errors.count(errno.ECONNABORTED))

        waits = {}

        def wait(key):
            def body():
                try:
                    waits[key].append(sockets[key].recv(100).decode())
                except OSError as error:
                    waits[key].append(errno.errorcode.get(error.errno, str(error)))
            waits[key] = [threading.Thread(target=body, daemon=True)]
            waits[key][0].start()
            return "waiting"

        def waited(key):
            thread, *_ = waits[key]
            thread.join()
            return waits.pop(key)[1]

        def lock(path):
            sockets[path] = os.open(path, os.O_RDONLY)
            fcntl.flock(sockets[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
            return "locked"

        def unlock(path):
            os.close(sockets.pop(path))
            return "unlocked"

        def close(key):
            sockets.pop(key).close()
            return "closed"

        def loop(ip, port):
            def body():
                while loop.runs:
                    try:
                        connect("tcp", "6" if ":" in ip else "4", ip, port)
                        loop.done += 1
                    except OSError as error:
                        loop.failures.append(errno.errorcode.get(error.errno, str(error)))
            loop.runs, loop.done, loop.failures = True, 0, []
            loop.thread = threading.Thread(target=body, daemon=True)
            loop.thread.start()
            return "looping"

        def count():
            return str(loop.done)

        def end():
            loop.runs = False
            loop.thread.join()
            return f"{loop.done} {' '.join(loop.failures)}".strip()

        commands = {
            "serve": serve, "connect": connect, "open": open_socket, "open-connected": open_connected,
            "reconnect": reconnect, "disconnect": disconnect, "first-datagrams": first_datagrams,
            "open-many": open_many, "broken": broken, "wait": wait, "waited": waited,
            "lock": lock, "unlock": unlock, "close": close, "send": send, "loop": loop, "count": count, "end": end,
        }
        print("ready", flush=True)
        for line in sys.stdin:
            command, *words = line.split()
            try:
                answer = commands[command](*words)
            except OSError as error:
                answer = errno.errorcode.get(error.errno, str(error))
            print(answer, flush=True)
        """#
}
