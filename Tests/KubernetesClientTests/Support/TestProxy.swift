import NamespaceLab

/// A proxy in a process of its own (Python's asyncio), which ends with it.
final class TestProxy {
    enum Kind: String, CaseIterable {
        case http
        case https
        case socks5
    }

    let port: Int
    private let process: LabProcess

    /// `login` is `user:password`, which is asked for then; an https proxy has a certificate.
    init(_ kind: Kind, login: String = "", certificate: String = "", key: String = "") throws {
        process = try LabProcess(
            ["python3", "-c", Self.script, kind.rawValue, login, certificate, key]
        )
        // It prints its port first, and then the requested destinations, between what Python complains of.
        guard let port = Int(try Self.next("port", process)) else {
            throw LabError("the proxy has no port")
        }
        self.port = port
    }

    /// The next target that it was asked for.
    func target() throws -> String { try Self.next("target", process) }

    private static func next(_ kind: String, _ process: LabProcess) throws -> String {
        let line = try process.waitForLine(containing: "printed \(kind)=")
        return String(line.drop { $0 != "=" }.dropFirst())
    }

    private static let script = """
        import asyncio, base64, ssl, sys
        kind, login, certificate, key = sys.argv[1:5]

        async def pump(reader, writer):
            try:
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.close()

        async def http(reader, writer):
            lines = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().split("\\r\\n")
            wanted = "Proxy-Authorization: Basic " + base64.b64encode(login.encode()).decode()
            if login and wanted not in lines:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\\r\\n\\r\\n")
                return None
            host, port = lines[0].split()[1].rsplit(":", 1)
            return host.strip("[]"), int(port), b"HTTP/1.1 200 Connected\\r\\n\\r\\n"

        async def socks(reader, writer):
            methods = await reader.readexactly((await reader.readexactly(2))[1])
            wanted = 2 if login else 0
            if wanted not in methods:
                writer.write(b"\\x05\\xff")
                return None
            writer.write(bytes([5, wanted]))
            if login:
                user = await reader.readexactly((await reader.readexactly(2))[1])
                password = await reader.readexactly((await reader.readexactly(1))[0])
                if user + b":" + password != login.encode():
                    writer.write(b"\\x01\\x01")
                    return None
                writer.write(b"\\x01\\x00")
            form = (await reader.readexactly(4))[3]
            if form == 3:
                host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            else:
                host = ".".join(str(byte) for byte in await reader.readexactly(4))
            port = int.from_bytes(await reader.readexactly(2), "big")
            return host, port, b"\\x05\\x00\\x00\\x01" + bytes(6)

        async def serve(reader, writer):
            try:
                found = await (socks if kind == "socks5" else http)(reader, writer)
                if not found:
                    await writer.drain()
                    writer.close()
                    return
                host, port, answer = found
                print(f"printed target={host}:{port}", flush=True)
                there = await asyncio.open_connection("127.0.0.1" if host == "api.test" else host, port)
                writer.write(answer)
                await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
            except (OSError, asyncio.IncompleteReadError):
                writer.close()

        async def main():
            context = None
            if kind == "https":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate, key)
            server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
            print(f"printed port={server.sockets[0].getsockname()[1]}", flush=True)
            await server.serve_forever()

        asyncio.run(main())
        """
}
