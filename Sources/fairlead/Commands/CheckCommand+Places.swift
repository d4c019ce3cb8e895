import Addressing
import DaemonConfiguration
import Glibc
import HostChecks
import SystemCalls
import SystemPackage

extension CheckCommand {
    private typealias Finding = KernelCapabilities.Finding

    /// Paths and addresses of the configuration that the daemon could not use; it would run without most of them. To
    /// be called in the network namespace.
    static func places(_ configuration: DaemonConfiguration) -> [KernelCapabilities.Finding] {
        let paths = [
            status(configuration.status), state(configuration.sources),
            certificates(configuration.healthChecks),
        ]
        return paths.compactMap(\.self) + servers(configuration)
    }

    /// What is read here, and not by the daemon: it might wait for it without end.
    static func irregular(_ file: String?) -> [KernelCapabilities.Finding] {
        guard let file, kind(file) == S_IFIFO else { return [] }
        let words = "\(file) is a pipe: `fairlead run` reads a file only"
        return [Finding(.note, "configuration", words)]
    }

    private static func status(_ status: DaemonConfiguration.Status) -> Finding? {
        guard let path = status.socket else { return nil }
        func note(_ problem: String) -> Finding {
            Finding(.note, "status.socket", "\(path) \(problem): `fairlead status` gets no answer")
        }
        guard SystemAddress(unix: path) != nil else { return note("is too long for a socket") }
        if let kind = kind(path) {
            return kind == S_IFSOCK ? nil : note("is there and not a socket")
        }
        // The directory of the usual one is made when the daemon is started.
        guard path != DaemonConfiguration().status.socket, let slash = path.lastIndex(of: "/"),
            kind(String(path[...slash])) != S_IFDIR
        else { return nil }
        return note("has no directory")
    }

    private static func state(_ sources: DaemonConfiguration.Sources) -> Finding? {
        guard let path = sources.stateDirectory, let kind = kind(path), kind != S_IFDIR else {
            return nil
        }
        let words = "\(path) is not a directory: nothing is kept for the next start"
        return Finding(.note, "sources.stateDirectory", words)
    }

    private static func certificates(_ checks: DaemonConfiguration.HealthChecks) -> Finding? {
        guard let path = checks.caFile else { return nil }
        do throws(FileError) {
            _ = try WholeFile.read(path, limit: 16 << 20, regularOnly: true)
            return nil
        } catch {
            let words = "\(path): \(error.reason): checks by https fail"
            return Finding(.note, "healthChecks.caFile", words)
        }
    }

    /// Nil if there is nothing.
    private static func kind(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    // MARK: - Servers

    private static func servers(_ configuration: DaemonConfiguration) -> [Finding] {
        let servers = [("health", configuration.health), ("metrics", configuration.metrics)]
        var findings = servers.compactMap { name, server in
            server.address.flatMap { address in
                problem(of: address.address).map {
                    Finding(server.level, "\(name).address", "\(address): \($0)")
                }
            }
        }
        if let health = configuration.health.address, let metrics = configuration.metrics.address,
            health.port == metrics.port,
            health.address == metrics.address || health.address.isUnspecified
                || metrics.address.isUnspecified
        {
            let level = max(configuration.health.level, configuration.metrics.level)
            findings.append(
                Finding(level, "metrics.address", "\(metrics) and health.address \(health) collide")
            )
        }
        return findings
    }

    /// Why nothing can listen there, whatever the port; nil if it can.
    private static func problem(of address: IPAddress) -> Errno? {
        do throws(Errno) {
            let family = address.family == .ipv4 ? AF_INET : AF_INET6
            try SystemAddress(address, 0).bind(OwnedDescriptor(socket: family, SOCK_STREAM))
            return nil
        } catch {
            // Where `::` is without IPv6, IPv4 alone is listened on.
            return address.isUnspecified ? nil : error
        }
    }
}

extension DaemonConfiguration.Server {
    /// Of a problem with the address.
    fileprivate var level: KernelCapabilities.Finding.Level {
        bindFailure == .fatal ? .failure : .note
    }
}
