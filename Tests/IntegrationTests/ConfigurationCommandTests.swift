import Foundation
import Glibc
import KubernetesTestServer
import NamespaceLab
import Testing

/// Configurations as the program takes them, on its real command line.
@Suite("Configuration commands")
struct ConfigurationCommandTests {
    private func fairlead(_ arguments: String...) throws -> (output: String, status: Int32) {
        try LabCommand.result([BuiltProgram.fairlead] + arguments)
    }

    private func fairlead(_ arguments: [String]) throws -> (output: String, status: Int32) {
        try LabCommand.result([BuiltProgram.fairlead] + arguments)
    }

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func newDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static let kubeProxy = """
        apiVersion: kubeproxy.config.k8s.io/v1alpha1
        kind: KubeProxyConfiguration
        mode: nftables
        clusterCIDR: 10.244.0.0/16
        enableProfiling: true

        """

    @Test("kube-proxy's file converts to our own form, which converts to itself")
    func convert() throws {
        try withFile(Self.kubeProxy) { path in
            let first = try fairlead("config", "convert", "-c", path, "--hostname-override=Node-A")
            #expect(first.status == 0)
            #expect(first.output.hasPrefix("# \(path): not honoured: enableProfiling ("))
            for line in ["mode: nftables", "  name: node-a", "  clusterCIDRs: [\"10.244.0.0/16\"]"]
            {
                #expect(first.output.contains("\n\(line)\n"), "\(first.output)")
            }
            try withFile(first.output) { converted in
                let second = try fairlead("config", "convert", "-c", converted)
                #expect(second.output == first.output.drop { $0 != "\n" }.dropFirst())
            }
        }
    }

    @Test("`config fields` shows a field, a section or all, as text and as JSON")
    func fields() throws {
        let field = try fairlead("config", "fields", "node.zone")
        #expect(
            field.output == """
                node.zone: ""
                    Matched against the zone hints of endpoints. Empty: no zone.
                    Values: text, or empty

                """
        )
        let section = try fairlead("config", "fields", "reconcile")
        #expect(section.output.hasPrefix("reconcile:\n"))
        #expect(section.output.contains("\nreconcile.minInterval: "))
        #expect(!section.output.contains("node."))
        let all = try fairlead("config", "fields", "-o", "json")
        let list = try #require(
            try JSONSerialization.jsonObject(with: Data(all.output.utf8)) as? [[String: Any]]
        )
        let mode = try #require(list.first { $0["path"] as? String == "mode" })
        #expect(mode["default"] as? String == "iptables")
        #expect(mode["needsRestart"] as? Bool == true)
        let unknown = try fairlead("config", "fields", "nod")
        #expect(unknown.status == 1)
        #expect(unknown.output.contains("\"nod\" is not a field of the configuration"))
    }

    @Test(
        "A relative kubeconfig begins at the working directory, in kube-proxy's file and as a flag"
    )
    func relativeKubeconfig() throws {
        let directory = FileManager.default.temporaryDirectory.path
        func convert(_ arguments: String, in directory: String) throws -> String {
            let script = "cd \(directory) && \(BuiltProgram.fairlead) config convert \(arguments)"
            return try LabCommand.result(["sh", "-c", script]).output
        }
        let more = "clientConnection: {kubeconfig: conf/proxy.conf}\n"
        try withFile(Self.kubeProxy + more) { path in
            let output = try convert("-c \(path)", in: directory)
            #expect(output.contains("    kubeconfig: \(directory)/conf/proxy.conf\n"), "\(output)")
        }
        let output = try convert("--kubeconfig=./proxy.conf --master=api:8080", in: directory)
        #expect(
            output.contains(
                "    kubeconfig: \(directory)/./proxy.conf\n    servers: [\"api:8080\"]\n"
            ),
            "\(output)"
        )
        let root = try convert("--kubeconfig=proxy.conf", in: "/")
        #expect(root.contains("    kubeconfig: /proxy.conf\n"), "\(root)")
        let gone = "\(directory)/fairlead-\(UUID().uuidString)"
        let error = try convert(
            "--kubeconfig=x",
            in: "$(mkdir \(gone); echo \(gone)); rmdir \(gone)"
        )
        #expect(error.contains("--kubeconfig: \"x\" is relative, and the working directory is not"))
    }

    @Test("A relative path of a network namespace begins there, too, for who reads what is printed")
    func relativeNamespace() throws {
        let script = "cd /run && \(BuiltProgram.fairlead) config convert -c /dev/null --netns"
        func convert(_ name: String) throws -> String {
            try LabCommand.result(["sh", "-c", "\(script) \(name)"]).output
        }
        #expect(try convert("netns/a").contains("netns: /run/netns/a\n"))
        #expect(try convert("/proc/1/ns/net").contains("netns: /proc/1/ns/net\n"))
        #expect(try convert("a").contains("netns: a\n"))
    }

    @Test(
        "With a file that cannot be used the daemon is still asked, at the default socket",
        arguments: ["status", "confirm"]
    )
    func unusableFile(_ command: String) throws {
        try withFile("mode: maybe\n") { path in
            // Whatever runs on this host, nothing listens there.
            let script = "mount -t tmpfs none /run; \"$0\" \(command) -c \(path)"
            let result = try LabCommand.result([
                "unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                BuiltProgram.fairlead,
            ])
            #expect(result.output.contains("warning: \(path):1: mode: "), "\(result.output)")
            let socket = "/run/fairlead/fairlead.sock"
            #expect(result.output.contains("\nasking at the default socket, \(socket)\n"))
            #expect(result.output.contains("Error: no daemon answers at \(socket): "))
            #expect(result.status == 1)
        }
    }

    @Test("A file that cannot be read or written is reported with the system's reason")
    func files() throws {
        let read = try fairlead("config", "convert", "-c", "/tmp")
        #expect(read.output.contains("Error: /tmp: cannot be read: Is a directory"))
        let endless = try fairlead("config", "convert", "-c", "/dev/zero")
        #expect(endless.output.contains("Error: /dev/zero: cannot be read: not a regular file"))
        let write = try fairlead("config", "convert", "-o", "/proc/none/x")
        #expect(
            write.output.contains(
                "Error: /proc/none/x: cannot be written: No such file or directory"
            )
        )
    }

    @Test("Other commands take it, too, ask its API server and say what is not honoured")
    func plan() async throws {
        let cluster = LifeCluster()
        cluster.putWeb(1)
        let server = KubernetesTestServer(cluster.state)
        let port = try await server.start()
        try withFile(LifeCluster.kubeconfig(port)) { kubeconfig in
            let more = """
                hostnameOverride: node-a
                clientConnection: {kubeconfig: \(kubeconfig)}

                """
            try withFile(Self.kubeProxy + more) { path in
                let result = try fairlead("plan", "-c", path)
                #expect(result.status == 0, "\(result.output)")
                #expect(result.output.contains("warning: \(path): not honoured: enableProfiling"))
                #expect(result.output.contains("table ip fairlead"), "\(result.output)")
                #expect(result.output.contains(LifeScript.vip), "\(result.output)")
            }
        }
        await server.stop()
    }

    @Test("A DaemonSet's flags are a configuration, and a mistake in them is named")
    func flags() throws {
        let result = try fairlead(
            "config",
            "convert",
            "--kubeconfig=/var/lib/kube-proxy/kubeconfig",
            "--proxy-mode",
            "ipvs",
            "--ipvs-scheduler=lc",
            "--masquerade-all",
            "--v=4"
        )
        #expect(result.status == 0)
        for text in ["mode: ipvs", "scheduler: lc", "all: true", "level: debug"] {
            #expect(result.output.contains(text), "\(result.output)")
        }
        let mistake = try fairlead("run", "--proxy-mode=ebpf", "-v=2")
        #expect(mistake.status == 1)
        #expect(mistake.output.contains("--proxy-mode: \"ebpf\" is not one of iptables"))
        let unknown = try fairlead("run", "--no-such-flag=1")
        #expect(unknown.status == 64)
    }

    @Test("What is not UTF-8 on the command line is refused, as it would name something else")
    func bytes() throws {
        let script = """
            "$0" config convert --kubeconfig="$(printf '/etc/k\\377.conf')"; echo "status $?"
            "$0" plan --services "$(printf '/tmp/\\200')"; echo "status $?"
            """
        let result = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead]).output
        #expect(
            result.contains("argument 3 is not UTF-8 text: \"--kubeconfig=/etc/k\u{fffd}.conf\"")
        )
        #expect(result.contains("argument 3 is not UTF-8 text: \"/tmp/\u{fffd}\""))
        #expect(result.split(separator: "\n").count { $0 == "status 64" } == 2, "\(result)")
    }

    @Test("Without /proc, where Swift reads the command line, no command is taken for one for help")
    func noCommandLine() throws {
        let script = """
            mount -t tmpfs none /proc; "$0" cleanup; echo "status $?"; "$0"; echo "status $?"
            """
        let result = try LabCommand.result([
            "unshare", "--mount", "--propagation", "private", "sh", "-c", script,
            BuiltProgram.fairlead,
        ]).output
        #expect(!result.contains("USAGE"), "\(result)")
        #expect(result.split(separator: "\n").count { $0 == "status 1" } == 2, "\(result)")
        #expect(result.contains("/proc/self/cmdline"), "\(result)")
    }

    @Test("A daemon that could open too few files does not start, and raises what it may raise")
    func descriptors() throws {
        func start(_ limits: String) throws -> (output: String, status: Int32) {
            try LabCommand.result([
                "prlimit", "--nofile=\(limits)", BuiltProgram.fairlead, "run", "-c", "/none",
            ])
        }
        let few = try start("100:100")
        #expect(few.status == 1)
        #expect(few.output.contains(#/Error: only 9\d more files can be opened, .* needs 256: /#))
        let raised = try start("100:4096")
        #expect(raised.output == "Error: /none: cannot be read: No such file or directory\n")
    }

    @Test(
        "A name that no node can have is refused, wherever it is given",
        arguments: ["a b", "a/b", "a\u{1b}[31m", "n\u{f6}de", String(repeating: "a", count: 254)]
    )
    func nodeNames(_ name: String) throws {
        let reason = "is not a name of letters, digits, hyphens, dots and underscores"
        let flag = try fairlead("config", "convert", "--hostname-override=\(name)")
        #expect(flag.status == 1 && flag.output.contains("Error: --hostname-override: \""))
        let option = try fairlead("plan", "--node-name", name)
        #expect(option.status == 64 && option.output.contains("Error: --node-name: \""))
        for output in [flag.output, option.output] {
            #expect(output.contains(reason), "\(output)")
            #expect(!output.contains("\u{1b}"))
        }
        let field = "node: {name: \"\(name.replacing("\u{1b}", with: "\\e"))\"}\n"
        try withFile(field) { path in
            let file = try fairlead("config", "convert", "-c", path)
            #expect(file.status == 1 && file.output.contains(":1: node.name: "), "\(file.output)")
        }
    }

    @Test("A path with control characters is harmless in the comments of what is converted")
    func oddComment() throws {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/fairlead\u{1b}[31m\n-\(UUID().uuidString)"
        try Self.kubeProxy.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = try fairlead("config", "convert", "-c", path)
        #expect(first.output.contains("/fairlead\u{fffd}[31m -"), "\(first.output)")
        #expect(!first.output.contains("\u{1b}"))
        try withFile(first.output) { converted in
            let second = try fairlead("config", "convert", "-c", converted)
            #expect(second.status == 0)
        }
    }

    @Test("A terminal gets no control characters from a path of the command line")
    func odd() throws {
        let name = "/tmp/fairlead\u{1b}[31m-\u{202e}\(UUID().uuidString)"
        for arguments in [
            ["check", "--services", name], ["check", "-c", name], ["plan", "--services", name],
            ["check", "--netns", name], ["status", "--socket", name], ["graph", "-o", name, name],
            ["plan", "--mode", name], ["convert", name], ["config", "fields", name],
        ] {
            let result = try LabCommand.result([BuiltProgram.fairlead] + arguments)
            #expect(result.status != 0, "\(arguments)")
            #expect(
                result.output.contains("/tmp/fairlead\u{fffd}[31m-\u{fffd}"),
                "\(result.output)"
            )
            #expect(result.output.unicodeScalars.allSatisfy { $0 != "\u{1b}" && $0 != "\u{202e}" })
        }
    }

    @Test("check finds a lock file that no program could lock")
    func lockFiles() throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        symlink("/dev/null", "\(directory)/link")
        mkfifo("\(directory)/pipe", 0o600)
        #expect(FileManager.default.createFile(atPath: "\(directory)/file", contents: nil))
        func finding(_ file: String) throws -> String {
            var text = ""
            try withFile("iptables: {lockFile: \(file)}\nsources: {files: \(directory)}\n") {
                path in
                let lines = try fairlead("check", "-c", path).output.split(separator: "\n")
                text = lines.first { $0.contains("lock of iptables") }.map(String.init) ?? ""
            }
            return text.split(separator: " ", omittingEmptySubsequences: true)
                .joined(separator: " ")
        }
        for (file, problem) in [
            ("", "is a directory"), ("/none/lock", "cannot be made: No such file or directory"),
            ("/file/lock", "cannot be used: Not a directory"),
            ("/link", "is a symbolic link, which is never followed"),
            ("/pipe", "is not a regular file"),
        ] {
            #expect(
                try finding(directory + file)
                    == "FAIL lock of iptables \(directory)\(file) \(problem): no rule can be changed; iptables.lockFile names it"
            )
        }
        for file in ["/file", "/new"] {
            #expect(
                try finding(directory + file) == "ok lock of iptables \(directory)\(file)"
            )
        }
        // Nothing was made.
        #expect(access("\(directory)/new", F_OK) != 0)
    }

    @Test(
        "check finds paths and addresses that the daemon would have to do without",
        arguments: [
            ("status: {socket: /none/x.sock}", "note status.socket /none/x.sock has no directory"),
            (
                "status: {socket: /proc/version}",
                "note status.socket /proc/version is there and not a socket"
            ),
            (
                "sources: {stateDirectory: /proc/version}",
                "note sources.stateDirectory /proc/version is not a directory"
            ),
            (
                "healthChecks: {caFile: /none}",
                "note healthChecks.caFile /none: No such file or directory"
            ),
            (
                "health: {address: \"198.51.100.7:80\"}",
                "note health.address 198.51.100.7:80: Cannot assign requested"
            ),
            (
                "health: {address: \"198.51.100.7:80\", bindFailure: fatal}",
                "FAIL health.address 198.51.100.7:80: Cannot"
            ),
            (
                "metrics: {address: \"0.0.0.0:10256\"}",
                "note metrics.address 0.0.0.0:10256 and health.address 127.0.0.1:10256 collide"
            ),
        ]
    )
    func places(_ text: String, _ finding: String) throws {
        try withFile(text + "\n") { path in
            let result = try fairlead("check", "-c", path)
            let lines = result.output.split(separator: "\n").map {
                $0.split(separator: " ").joined(separator: " ")
            }
            #expect(lines.contains { $0.hasPrefix(finding) }, "\(result.output)")
        }
        try withFile("{}") { path in
            let result = try fairlead("check", "-c", path)
            let subjects = [
                "status.socket", "stateDirectory", "caFile", "health.address", "metrics.address",
            ]
            #expect(subjects.allSatisfy { !result.output.contains($0) }, "\(result.output)")
        }
    }

    @Test("Without files and without an API server there is nothing to do")
    func nothing() throws {
        try withFile("{}") { path in
            let result = try fairlead("run", "--services", "", "-c", path)
            #expect(result.status == 1)
            #expect(result.output.contains("neither sources.files nor sources.kubernetes"))
        }
    }

    @Test("A daemon does not wait for a pipe or a device in the place of its configuration")
    func irregularFiles() throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let pipe = "\(directory)/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, "/dev/zero"] {
            let result = try fairlead("run", "--services", directory, "-c", path)
            #expect(result.status == 1)
            #expect(result.output == "Error: \(path): cannot be read: not a regular file\n")
        }
        // Which check can read, and says.
        for (input, isNoted) in [("echo | ", true), ("</dev/null ", false)] {
            let script = "\(input)\"$0\" check -c /dev/stdin"
            let checked = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead]).output
            #expect(checked.contains("/dev/stdin is a pipe: ") == isNoted, "\(checked)")
        }
        // Nor in the place of a network namespace.
        let result = try fairlead("run", "--services", directory, "--netns", pipe)
        #expect(result.status == 1)
        #expect(result.output.contains(pipe), "\(result.output)")
    }

    @Test(
        "No command waits for a named pipe that nobody writes to",
        arguments: [
            ["verify", "-c"], ["plan", "-c"], ["cleanup", "-c"], ["status", "-c"], ["check", "-c"],
            ["config", "convert", "-c"], ["convert"],
        ]
    )
    func namedPipes(_ command: [String]) throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let pipe = "\(directory)/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let result = try fairlead(command + [pipe])
        #expect(result.status == 1)
        #expect(result.output == "Error: \(pipe): cannot be read: not a regular file\n")
    }

    @Test(
        "A pipe that the caller has opened is read",
        arguments: ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]
    )
    func openedPipes(_ path: String) throws {
        let script = "echo 'mode: ipvs' | \"$0\" config convert -c \(path)"
        let result = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead])
        #expect(result.status == 0)
        #expect(result.output.contains("mode: ipvs\n"), "\(result.output)")
    }

    @Test(
        "What cannot be written to standard output is a failure, with the system's reason",
        arguments: [
            ["--help"], ["--version"], ["version"], ["config", "fields"],
            ["config", "convert", "--proxy-mode=ipvs"],
            ["config", "fields", "-o", "json"], ["plan"], ["plan", "-o", "json"], ["graph"],
            ["trace", "--from", "10.0.0.1", "--to", "10.96.0.10:80/tcp"], ["verify"], ["check"],
        ]
    )
    func fullOutput(_ arguments: [String]) throws {
        let services = "services: [{name: web, address: 10.96.0.10, ports: [{port: 80}]}]\n"
        try withFile(services) { path in
            let needsServices = ["plan", "graph", "trace", "verify", "check"].contains(arguments[0])
            let options = needsServices ? ["--mode", "iptables", "--services", path] : []
            let result = try LabCommand.result(
                ["unshare", "--net", "sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]
                    + [BuiltProgram.fairlead] + arguments + options
            )
            #expect(result.status == 1, "\(arguments)")
            let line = "Error: standard output: cannot be written: No space left on device\n"
            #expect(result.output == line, "\(result.output)")
        }
    }

    @Test("A converted manifest that does not fit is a failure")
    func fullManifest() throws {
        try withFile("-A -t 10.96.0.10:80 -s rr\n") { path in
            let script = "\"$0\" convert \"$1\" >/dev/full"
            let result = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead, path])
            #expect(result.status == 1)
            let line = "Error: standard output: cannot be written: No space left on device\n"
            #expect(result.output == line, "\(result.output)")
        }
    }

    @Test("A reader that leaves early ends a command without a word")
    func brokenPipe() throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        // A writing end without a reading one.
        let script = """
            mkfifo "$1/pipe"; exec 3<>"$1/pipe" 4>"$1/pipe" 3<&-
            env --default-signal=PIPE "$0" config fields >&4; echo "status $?"
            trap '' PIPE; "$0" config fields >&4; echo "status $?"
            """
        let result = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead, directory])
        #expect(result.output == "status 141\nstatus 0\n")
    }

    @Test("Without root, check finds what it can, and no fault in what it cannot look at")
    func checkWithoutRoot() throws {
        // As the program is, and unlike temporary files, it can be read by others.
        let good =
            #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
            + "/config/examples/shop.yaml"
        let users = [
            ["--reuid", "65534", "--clear-groups"], ["--bounding-set", "-all"],
        ]
        for (user, mode) in users.flatMap({ user in ["iptables", "nftables"].map { (user, $0) } }) {
            let check = ["check", "--mode", mode, "--services"]
            let result = try LabCommand.result(
                ["setpriv"] + user + [BuiltProgram.fairlead] + check + [good]
            )
            #expect(result.status == 0, "\(result.output)")
            #expect(!result.output.contains("FAIL") && !result.output.contains("missing"))
            let subjects =
                mode == "nftables"
                ? ["IPv4 nftables"] : ["IPv4 legacy tables", "IPv6 matches and targets"]
            let lines = result.output.split(separator: "\n").map {
                $0.split(separator: " ").joined(separator: " ")
            }
            for subject in subjects {
                #expect(lines.contains("note \(subject) not checked: needs root"), "\(lines)")
            }
            let bad = try LabCommand.result(
                ["setpriv"] + user + [BuiltProgram.fairlead] + check + ["/none.yaml"]
            )
            #expect(bad.status == 1)
        }
        let configuration = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: configuration) }
        try "mode: auto\n".write(toFile: configuration, atomically: true, encoding: .utf8)
        let auto = try LabCommand.result(
            ["setpriv", "--bounding-set", "-all", BuiltProgram.fairlead, "check"]
                + ["-c", configuration, "--services", good]
        )
        #expect(auto.status == 0, "\(auto.output)")
        #expect(auto.output.contains("nftables, presumed"), "\(auto.output)")
        let root = try fairlead(["check", "--mode", "nftables", "--services", good])
        #expect(!root.output.contains("needs root"), "\(root.output)")
    }

    @Test("Where standard output is closed, nothing else takes its number, and that is said")
    func closedOutput() throws {
        let script = #""$0" config fields >&-; echo "status $?""#
        let result = try LabCommand.result(["sh", "-c", script, BuiltProgram.fairlead])
        #expect(
            result.output
                == "Error: standard output: cannot be written: Bad file descriptor\nstatus 1\n"
        )
    }

    @Test("Output waits for a reader who does not want its writer to wait")
    func nonBlockingOutput() throws {
        let script = """
            import fcntl, os, subprocess, sys, time
            read, write = os.pipe()
            fcntl.fcntl(write, fcntl.F_SETFL, os.O_NONBLOCK)
            fcntl.fcntl(write, 1031, 4096)
            command = subprocess.Popen([sys.argv[1], "config", "fields"], stdout=write)
            os.close(write)
            time.sleep(0.3)
            print(len(open(read, "rb").read()) > 8192, command.wait())
            """
        let result = try LabCommand.result(
            ["/usr/bin/python3", "-c", script, BuiltProgram.fairlead]
        )
        #expect(result.output == "True 0\n")
    }

    @Test("Standard input that another user has opened is read as it is")
    func othersStandardInput() throws {
        let script = """
            echo "$1" | setpriv --reuid 65534 --clear-groups "$0" $2
            """
        let service = "{services: [{name: shop/web, address: 10.96.0.10, ports: [{port: 80}]}]}"
        for (input, command) in [
            (service, "plan --mode nftables --services -"),
            ("families: [IPv4]", "plan --mode nftables --services /dev/null -c /dev/stdin"),
        ] {
            let result = try LabCommand.result(
                ["sh", "-c", script, BuiltProgram.fairlead, input, command]
            )
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains("10.96.0.10") == (input == service))
            #expect(result.output.contains("rules for IPv6") == (input == service))
        }
    }

    @Test("A packet between families, or of another one than --family, is no packet to trace")
    func traceFamilies() throws {
        func trace(_ arguments: String...) throws -> (output: String, status: Int32) {
            try fairlead(["trace", "--services", "/dev/null"] + arguments)
        }
        let mixed = try trace("--from", "1.1.1.1", "--to", "[fd00::1]:80/tcp")
        #expect(mixed.status == 64)
        #expect(
            mixed.output.hasPrefix(
                "Error: --from: 1.1.1.1 is IPv4, and --to: [fd00::1]:80/tcp is IPv6\n"
            )
        )
        let other = try trace("--family", "ipv6", "--from", "1.1.1.1", "--to", "1.1.1.2:80/tcp")
        #expect(other.status == 64)
        #expect(other.output.hasPrefix("Error: --family: the packet's addresses are IPv4\n"))
    }

    @Test(
        "A file named with --services that cannot be read is an error; in a directory it is left out"
    )
    func unreadableManifests() throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let good = "services: [{name: web, address: 10.96.0.10, ports: [{port: 80}]}]"
        try good.write(toFile: "\(directory)/good.yaml", atomically: true, encoding: .utf8)
        let (bytes, pipe) = ("\(directory)/bytes.yaml", "\(directory)/pipe.yaml")
        try Data([0xff, 0xfe]).write(to: URL(fileURLWithPath: bytes))
        #expect(mkfifo(pipe, 0o600) == 0)
        let commands = [
            ["plan"], ["graph"], ["trace", "--from", "10.0.0.1", "--to", "10.96.0.10:80/tcp"],
        ]
        for command in commands {
            let options = ["--mode", "iptables", "--services"]
            for (path, reason) in [
                (bytes, "is not UTF-8 text"), (pipe, "is not a regular file"),
                ("\(directory)/none.yaml", "cannot be read"),
            ] {
                let result = try fairlead(command + options + [path])
                #expect(result.status == 1, "\(command) \(path)")
                #expect(result.output.contains("Error: \(path): \(reason)"), "\(result.output)")
            }
            let result = try fairlead(command + options + [directory])
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains("\(bytes): is not UTF-8 text"))
            #expect(result.output.contains("10.96.0.10"))
        }
        let check = try fairlead(["check", "--mode", "iptables", "--services", bytes])
        #expect(check.status == 1)
        #expect(check.output.contains("\(bytes): is not UTF-8 text"))
    }

    @Test("An empty configuration file is an error; {} and /dev/null have the defaults")
    func emptyConfiguration() throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = "\(directory)/f.yaml"
        try "".write(toFile: path, atomically: true, encoding: .utf8)
        let services = "services: []"
        try services.write(toFile: "\(directory)/s.yaml", atomically: true, encoding: .utf8)
        let plan = ["plan", "--mode", "iptables", "--services", "\(directory)/s.yaml", "--config"]
        let empty = try fairlead(plan + [path])
        #expect(empty.status == 1)
        #expect(
            empty.output
                == "Error: \(path): is empty, and may be half-written; {} has the defaults\n"
        )
        try "{}".write(toFile: path, atomically: true, encoding: .utf8)
        let defaults = try fairlead(plan + [path])
        #expect(defaults.status == 0)
        #expect(try fairlead(plan + ["/dev/null"]).output == defaults.output)
    }

    @Test("An empty socket path is refused as such", arguments: ["status", "confirm"])
    func emptySocket(_ command: String) throws {
        let result = try fairlead(command, "--socket", "")
        #expect(result.status == 64)
        #expect(result.output.hasPrefix("Error: --socket: names no socket; it is a path\n"))
    }
}
