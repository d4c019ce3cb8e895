import Foundation
import Glibc
import NamespaceLab
import Testing

extension KernelSuites {
    /// The messages to systemd of a daemon that has a socket in systemd's place.
    @Suite("Service manager")
    struct ServiceManagerTests {
        @Test("Ready at once, with what is waited for; alive while waiting; healthy after a pass")
        func waiting() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let manager = try NotifySocket(fixture.directory + "/notify")
            let services = fixture.directory + "/services.d"
            try FileManager.default.removeItem(atPath: services)
            try fixture.start(environment: manager.environment + ["WATCHDOG_USEC=600000"])
            #expect(try manager.next("READY=1") == "READY=1\nSTATUS=waiting for \(services)")
            // Three, as the first may come before the loop waits.
            for _ in 1...3 { _ = try manager.next("WATCHDOG=1") }
            #expect(try answer("livez", fixture) == "200")
            #expect(try answer("readyz", fixture) == "503")
            #expect(try answer("healthz", fixture) == "503")

            try FileManager.default.createDirectory(
                atPath: services,
                withIntermediateDirectories: true
            )
            try fixture.write(LifeScript.web(1))
            let status = try manager.next("STATUS=1 Service, last pass ")
            #expect(!status.contains("READY"))
            for page in ["livez", "readyz", "healthz"] {
                #expect(try answer(page, fixture) == "200", "\(page)")
            }
            try fixture.stop()
            #expect(try manager.next("STOPPING=1") == "STOPPING=1")
        }

        @Test(
            "As the first process of a container it ends when asked to",
            arguments: [SIGTERM, SIGINT]
        )
        func firstProcess(_ signal: Int32) throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(LifeScript.web(1))
            let first = try fixture.startAsFirstProcess()
            try fixture.waitUntilApplied()
            kill(first, signal)
            try wait(fixture) { $0.contains("Stopping; the rules stay") }
            #expect(try fixture.daemon?.finish().status == 0)
        }

        @Test("A daemon without descriptors left still shows that it is alive")
        func noDescriptors() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            var lives = 1
            while try !showsLifeWithoutDescriptors(fixture, manager), lives < 5 { lives += 1 }
            #expect(lives < 5)
        }

        /// False if the library Dispatch of a debug build has ended the program: once a second it looks in /proc at threads
        /// that have more to do, as on a busy machine, and takes it for a fault if it cannot open what is there. As shipped,
        /// the daemon has that part left out.
        private func showsLifeWithoutDescriptors(
            _ fixture: DaemonFixture,
            _ manager: NotifySocket
        ) throws -> Bool {
            try fixture.start(environment: manager.environment + ["WATCHDOG_USEC=600000"])
            _ = try manager.next("READY=1")
            _ = try manager.next("STATUS=1 Service, last pass ")
            let process = try #require(fixture.daemon)
            try LabCommand.run(["prlimit", "--pid", "\(process.pid)", "--nofile=3"])
            do {
                // The first may have been sent before.
                for _ in 1...5 { _ = try manager.next("WATCHDOG=1") }
            } catch {
                guard !process.isRunning, try fixture.stop() == 128 + SIGILL else { throw error }
                return false
            }
            #expect(try fixture.stop() == 0)
            return true
        }

        @Test("As the first process of a container it ends though it is asked to before it is up")
        func earlyStop() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let first = try fixture.startAsFirstProcess()
            try fixture.wait(for: "program that takes the signal") {
                Self.takes(SIGTERM, first)
            }
            kill(first, SIGTERM)
            #expect(try fixture.daemon?.finish().status == 0)
            #expect(fixture.log.contains("Stopping; the rules stay"))
        }

        @Test("A hangup that comes as soon as the program runs is taken up once the daemon is up")
        func earlyHangup() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            try fixture.start(environment: manager.environment)
            try fixture.wait(for: "program that takes the signal") {
                fixture.daemon.map { Self.takes(SIGHUP, $0.pid) } ?? false
            }
            fixture.daemon?.signal(SIGHUP)
            _ = try manager.next("RELOADING=1")
            _ = try manager.next("READY=1")
            #expect(try fixture.stop() == 0)
            // One that is there before the program begins is not lost either.
            try fixture.startWithHangup(environment: manager.environment)
            _ = try manager.next("RELOADING=1")
            _ = try manager.next("READY=1")
            #expect(try fixture.stop() == 0)
        }

        /// Whether a process has a handler for a signal.
        private static func takes(_ signal: Int32, _ process: pid_t) -> Bool {
            let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let line = status?.split(separator: "\n").first { $0.hasPrefix("SigCgt:\t") }
            let mask = line.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0
            return mask & 1 << UInt64(signal - 1) != 0
        }

        @Test("A refused reload ends, says so beside the last pass, and is reported once")
        func refusedReload() throws {
            let fixture = try DaemonFixture(
                mode: "nftables",
                servers: false,
                extra: "log: {level: debug}\n"
            )
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            try fixture.start(environment: manager.environment)
            _ = try manager.next("STATUS=1 Service, last pass ")
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)

            try write(good + "masquerade: {all: maybe}\n", fixture)
            fixture.daemon?.signal(SIGHUP)
            _ = try manager.next("RELOADING=1")
            let refused = try manager.next("READY=1")
            #expect(refused.contains("STATUS=1 Service, last pass "), "\(refused)")
            #expect(refused.contains("; configuration not reloaded: "), "\(refused)")
            #expect(refused.contains("masquerade.all: must be true or false"), "\(refused)")
            // The change is seen as well, a moment later.
            try wait(fixture) { $0.contains("holds what was read last") }
            #expect(count("Configuration not reloaded", fixture) == 1)

            try write(good + "masquerade: {all: true}\n", fixture)
            fixture.daemon?.signal(SIGHUP)
            let taken = try manager.next("READY=1")
            #expect(!taken.contains("not reloaded"), "\(taken)")
            try wait(fixture) { log in
                log.split(separator: "\n").count { $0.contains("holds what was read last") } == 2
            }
            #expect(count("Configuration reloaded", fixture) == 1)
            #expect(count("Configuration not reloaded", fixture) == 1)
            try fixture.stop()
        }

        @Test("A change that was taken up is not reported again by the reload after it")
        func followedReload() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            try fixture.start(environment: manager.environment)
            _ = try manager.next("STATUS=1 Service, last pass ")
            let good = try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            for (text, event) in [
                (good + "masquerade: {all: maybe}\n", "Configuration not reloaded"),
                (good + "masquerade: {all: true}\n", "Configuration reloaded"),
            ] {
                try write(text, fixture)
                _ = try manager.next("READY=1")
                // The first has nothing new to say, the second was asked for by itself.
                for reports in [1, 2] {
                    fixture.daemon?.signal(SIGHUP)
                    _ = try manager.next("READY=1")
                    #expect(count(event, fixture) == reports)
                }
            }
            try fixture.stop()
        }

        @Test("A service manager that reads no messages delays neither serving nor ending")
        func deaf() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            // Has room for ten messages or so (net.unix.max_dgram_qlen), and none is read.
            let manager = try NotifySocket(fixture.directory + "/notify")
            try fixture.write(LifeScript.web(1))
            try fixture.start(environment: manager.environment)
            try fixture.waitUntilApplied()
            for round in 0..<20 {
                try fixture.write(LifeScript.web(round % 2 + 1))
                try fixture.waitUntilApplied()
            }
            #expect(try fixture.stop() == 0)
        }

        @Test("The thread that writes has the daemon's name")
        func writer() throws {
            let fixture = try DaemonFixture(mode: "nftables", servers: false)
            try fixture.write(LifeScript.web(1))
            try fixture.start()
            try fixture.waitUntilApplied()
            let monitor = try LabProcess(["nft", "monitor"], in: fixture.lab.node)
            // Until nft listens, what is written goes unseen.
            var seen: String?
            for round in 2...40 where seen == nil {
                try fixture.write(LifeScript.web(round % 3 + 1))
                seen = try? monitor.waitForLine(
                    containing: "new generation",
                    Deadline(in: .seconds(1))
                )
            }
            #expect(seen?.hasSuffix("(fairlead)") == true, "\(seen ?? "nothing")")
            try fixture.stop()
        }

        private func answer(_ page: String, _ fixture: DaemonFixture) throws -> String {
            try LabCommand.run(
                [
                    "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                    "http://127.0.0.1:10256/\(page)",
                ],
                in: fixture.lab.node
            )
        }

        private func write(_ text: String, _ fixture: DaemonFixture) throws {
            try text.write(toFile: fixture.configuration, atomically: true, encoding: .utf8)
        }

        private func count(_ event: String, _ fixture: DaemonFixture) -> Int {
            fixture.log.split(separator: "\n").count { $0.contains(event) }
        }

        private func wait(_ fixture: DaemonFixture, until isThere: (String) -> Bool) throws {
            try fixture.wait(for: "such a message") { isThere(fixture.log) }
        }
    }
}

/// The service manager's end of sd_notify(3).
final class NotifySocket {
    let environment: [String]
    private let descriptor: Int32

    init(_ path: String) throws {
        environment = ["NOTIFY_SOCKET=\(path)"]
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw LabError("\(path): errno \(errno)") }
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    deinit { close(descriptor) }

    /// The next message that begins so; those before it are passed over.
    func next(_ beginning: String) throws -> String {
        var passed: [String] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while passed.count < 1000 {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count >= 0 else { break }
            let message = String(decoding: buffer[..<count], as: UTF8.self)
            if message.hasPrefix(beginning) { return message }
            passed.append(message)
        }
        throw LabError("no message \(beginning); there were:\n\(passed.joined(separator: "\n"))")
    }
}
