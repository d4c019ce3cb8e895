import Foundation
import Glibc
import Testing

@testable import KubernetesClient

@Suite("Credential plugins")
struct ExecPluginTests {
    private static let version = "client.authentication.k8s.io/v1"

    /// A plugin that is a shell script written by the test.
    private func plugin(_ script: String, in directory: String) throws -> ExecPlugin {
        let path = directory + "/plugin"
        try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return ExecPlugin(version: .v1, command: path, arguments: ["one $HOME", "two"])
    }

    private func provider(
        _ plugin: ExecPlugin,
        timeout: Duration = .seconds(20),
        now: @escaping @Sendable () -> Date = { Date() }
    ) -> CredentialProvider {
        CredentialProvider(
            ClusterAccess(
                servers: [ServerAddress(host: "a", port: 1)],
                authorization: .plugin(plugin)
            ),
            environment: ["PATH": "/usr/bin:/bin", "HOME": "/root"],
            pluginTimeout: timeout,
            now: now,
            logger: .silent
        )
    }

    private func credential(_ status: String) -> String {
        #"{"apiVersion":"\#(Self.version)","kind":"ExecCredential","status":{\#(status)}}"#
    }

    @Test("It runs once until its credential expires or is refused")
    func reuse() async throws {
        try await withDirectory { directory in
            let answer = credential(
                #""token":"t'$count'","expirationTimestamp":"2026-01-01T00:10:00Z""#
            )
            let plugin = try plugin(
                """
                count=$(($(cat \(directory)/count 2>/dev/null || echo 0) + 1))
                echo $count > \(directory)/count
                echo '\(answer)'
                """,
                in: directory
            )
            let start = try Date("2026-01-01T00:00:00Z", strategy: .iso8601)
            let early = provider(plugin, now: { start })
            #expect(try await early.current().header == Secret("Bearer t1"))
            let second = try await early.current()
            #expect(second.header == Secret("Bearer t1"))
            await early.refused(Credentials(header: Secret("Bearer other")))
            #expect(try await early.current().header == Secret("Bearer t1"))
            await early.refused(second)
            #expect(try await early.current().header == Secret("Bearer t2"))
            let late = provider(plugin, now: { start + 601 })
            #expect(try await late.current().header == Secret("Bearer t3"))
            #expect(try await late.current().header == Secret("Bearer t4"))
        }
    }

    @Test("No shell interprets its arguments, and it receives the cluster")
    func arguments() async throws {
        try await withDirectory { directory in
            var plugin = try plugin(
                """
                printf '%s|' "$@" "$KEY" > \(directory)/seen
                printf '%s' "$KUBERNETES_EXEC_INFO" > \(directory)/info
                echo '\(credential(#""token":"t""#))'
                """,
                in: directory
            )
            plugin.environment = ["KEY": Secret("hunter2")]
            plugin.cluster = ExecPlugin.ClusterInfo(
                server: "https://10.0.0.1",
                serverName: "kubernetes",
                skipsVerification: false,
                authority: .inline(Secret("-----BEGIN")),
                proxyURL: nil
            )
            _ = try await provider(plugin).current()
            let seen = try String(contentsOfFile: directory + "/seen", encoding: .utf8)
            #expect(seen == "one $HOME|two|hunter2|")
            let info = try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(filePath: directory + "/info"))
            )
            let expected: NSDictionary = [
                "apiVersion": Self.version, "kind": "ExecCredential",
                "spec": [
                    "interactive": false,
                    "cluster": [
                        "server": "https://10.0.0.1", "tls-server-name": "kubernetes",
                        "certificate-authority-data": "LS0tLS1CRUdJTg==",
                    ],
                ],
            ]
            #expect(info as? NSDictionary == expected)
        }
    }

    @Test("It may give a client certificate in place of a token")
    func certificate() async throws {
        try await withDirectory { directory in
            let plugin = try plugin(
                "echo '\(credential(#""clientCertificateData":"cert","clientKeyData":"key""#))'",
                in: directory
            )
            let credentials = try await provider(plugin).current()
            #expect(credentials.certificate == Secret("cert"))
            #expect(credentials.key == Secret("key"))
            #expect(credentials.header == nil)
        }
    }

    @Test(
        "What goes wrong is said without quoting its output",
        arguments: [
            ("echo hunter2", "cannot be used"), ("exit 3", "ended with status 3"),
            ("kill -9 $$", "ended by signal 9"),
            (#"echo '{"apiVersion":"v2","kind":"ExecCredential","x":"hunter2"}'"#, "kind"),
            (
                #"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","#
                    + #""status":{"token":"hunter2 with blanks"}}'"#, "characters"
            ), ("head -c 2000000 /dev/zero", "prints too much"), ("sleep 60", "took too long"),
        ]
    )
    func failures(script: String, expected: String) async throws {
        try await withDirectory { directory in
            let plugin = try plugin(script, in: directory)
            let timeout = script.hasPrefix("sleep") ? Duration.milliseconds(200) : .seconds(20)
            let error = await #expect(throws: ClientError.self) {
                try await provider(plugin, timeout: timeout).current()
            }
            #expect(error?.description.contains(expected) == true)
            #expect(error?.description.contains("hunter2") == false)
        }
    }

    @Test("It inherits no descriptor, input, blocked or ignored signal, or variable")
    func inheritance() async throws {
        try await withDirectory { directory in
            let plugin = try plugin(
                """
                ls /proc/$$/fd > \(directory)/descriptors
                readlink /proc/$$/fd/0 > \(directory)/input
                grep -E '^Sig(Blk|Ign)' /proc/self/status > \(directory)/signals
                ps -o pgid= -p $$ | tr -d ' ' > \(directory)/group; echo $$ >> \(directory)/group
                env > \(directory)/variables
                echo '\(credential(#""token":"t""#))'
                """,
                in: directory
            )
            // Not closed by exec, and ignored, as the daemon ignores signals that it reads.
            let descriptor = open("/dev/null", O_RDONLY)
            let old = signal(SIGUSR1, SIG_IGN)
            defer {
                close(descriptor)
                signal(SIGUSR1, old)
            }
            _ = try await provider(plugin).current()
            func seen(_ name: String) throws -> [String] {
                try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
                    .split(separator: "\n").map(String.init)
            }
            // The shell's own, above 9, reads the script.
            let open = try seen("descriptors").compactMap { Int($0) }
            #expect(open.filter { $0 < 10 } == [0, 1, 2] && !open.contains(Int(descriptor)))
            #expect(try seen("input") == ["/dev/null"])
            for line in try seen("signals") {
                let mask = try #require(UInt64(line.suffix(16), radix: 16))
                // glibc keeps 32 and 33 for itself.
                #expect(mask & ~0x1_8000_0000 == 0, "\(line)")
            }
            let group = try seen("group")
            #expect(group.count == 2 && group.first == group.last)
            let names = try seen("variables").compactMap { $0.split(separator: "=").first }
            #expect(!names.contains("LANG") && names.contains("KUBERNETES_EXEC_INFO"))
        }
    }

    @Test("Its children end with it when it takes too long")
    func children() async throws {
        try await withDirectory { directory in
            let plugin = try plugin(
                "sleep 1000 & echo $! > \(directory)/child; wait",
                in: directory
            )
            var child: Int32?
            // A busy host may take longer than a limit to start a shell and a child.
            for seconds in [0.5, 4, 30] where child == nil {
                await #expect(throws: ClientError.self) {
                    try await provider(plugin, timeout: .seconds(seconds)).current()
                }
                let text = try? String(contentsOfFile: "\(directory)/child", encoding: .utf8)
                child = text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            }
            let started = try #require(child)
            // Not a child of this process; it ends when the kernel has delivered the signal.
            let deadline = ContinuousClock.now + .seconds(10)
            while isRunning(started), ContinuousClock.now < deadline { await Task.yield() }
            #expect(!isRunning(started))
        }
    }

    /// Neither gone nor a zombie.
    @Test("Closing ends a run that hangs, and starts no other", .timeLimit(.minutes(10)))
    func closing() async throws {
        try await withDirectory { directory in
            let plugin = try plugin("echo $$ > \(directory)/pid\nsleep 600", in: directory)
            let provider = provider(plugin, timeout: .seconds(600))
            let waiting = Task { try await provider.current() }
            var process: Int32?
            while process == nil {
                try await Task.sleep(for: .milliseconds(5))
                let text = try? String(contentsOfFile: directory + "/pid", encoding: .utf8)
                process = text.flatMap { Int32($0.dropLast()) }
            }
            await provider.close()
            await #expect(throws: ClientError.self) { try await waiting.value }
            #expect(process.map(isRunning) == false)
            try FileManager.default.removeItem(atPath: directory + "/pid")
            await #expect(throws: ClientError.self) { try await provider.current() }
            #expect(!FileManager.default.fileExists(atPath: directory + "/pid"))
        }
    }

    private func isRunning(_ process: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        else { return false }
        return !status.contains(") Z ")
    }

    @Test("What a child in the background keeps open does not hold up an answer")
    func background() async throws {
        try await withDirectory { directory in
            let plugin = try plugin(
                "sleep 600 & echo $! >\(directory)/child; echo '\(credential(#""token":"t""#))'",
                in: directory
            )
            let credentials = try await provider(plugin, timeout: .seconds(60)).current()
            #expect(credentials.header == Secret("Bearer t"))
            let text = try String(contentsOfFile: "\(directory)/child", encoding: .utf8)
            let child = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            kill(child, SIGKILL)
        }
    }

    @Test("A program that is not there is named, with how to get it")
    func missing() async {
        let plugin = ExecPlugin(
            version: .v1,
            command: "/nowhere/plugin",
            installHint: "install the plugin"
        )
        let error = await #expect(throws: ClientError.self) {
            try await provider(plugin).current()
        }
        #expect(
            error?.description
                == "credential plugin /nowhere/plugin: No such file or directory (install the plugin)"
        )
    }
}
