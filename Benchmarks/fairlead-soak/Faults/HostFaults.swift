import Foundation
import KubernetesTestServer
import NamespaceLab
import SoakJudging
import TestSupport

/// No room where the daemon keeps its state.
struct StateFull: SoakFault {
    let name = "state directory full"
    let touches: Set<Touched> = [.state]
    let lasts: ClosedRange<Double>? = 2...6

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // Ends with an error, when the file system is full.
        let file = node.stateDirectory + "/ballast"
        let words = ["dd", "if=/dev/zero", "of=\(file)", "bs=1M", "count=64", "status=none"]
        guard try LabCommand.result(words).status != 0 else {
            throw SoakFailure("\(file): the file system is not full")
        }
    }

    func end(_ node: SoakNode) throws {
        try FileManager.default.removeItem(atPath: node.stateDirectory + "/ballast")
    }
}

/// Nothing can be written where the daemon keeps its state.
struct StateReadOnly: SoakFault {
    let name = "state read-only"
    let touches: Set<Touched> = [.state]
    let lasts: ClosedRange<Double>? = 2...6

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // Fails while a file is open for writing.
        let deadline = Deadline(in: .seconds(5))
        let words = ["mount", "-o", "remount,ro", node.stateDirectory]
        while try LabCommand.result(words).status != 0 {
            guard !deadline.hasPassed else {
                throw SoakFailure("\(node.stateDirectory): stays busy")
            }
            usleep(5000)
        }
    }

    func end(_ node: SoakNode) throws {
        try LabCommand.run(["mount", "-o", "remount,rw", node.stateDirectory])
    }
}

/// The daemon can open nothing more. It may be killed meanwhile, and starts without the limit then.
struct NoDescriptors: SoakFault {
    /// Not where the daemon uses the shared library of Dispatch, as debug builds do: that looks at its threads in /proc
    /// once a second, and ends the program if it has no descriptor for it. As shipped, the daemon has that part left out.
    static var isPossible: Bool {
        let program = BuiltProgram.fairlead
        let status = try? LabCommand.result(["grep", "-qaF", "libdispatch.so", program]).status
        return status == 1
    }

    let name = "no descriptors left"
    let touches: Set<Touched> = [.limits]
    let lasts: ClosedRange<Double>? = 2...6
    private var process: Int32 = 0
    private var usual = ""
    private(set) var miss: String?

    mutating func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        // A program that is still starting has hardly any, and cannot even read its command line.
        try node.daemon.waitUntilItListens(to: SIGTERM)
        process = node.daemon.pid
        let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
        let open = files.count
        usual = try limit()
        try LabCommand.run(["prlimit", "--pid", "\(process)", "--nofile=\(open):"])
        let limit = try limit()
        if limit != "\(open)" { miss = "the limit is \(limit), with \(open) open" }
        // What it has must not be enough: connections have to be made anew.
        node.server.dropConnections()
    }

    private func limit() throws -> String {
        try LabCommand.run([
            "prlimit", "--pid", "\(process)", "--nofile", "--output", "SOFT", "--noheadings",
        ]).filter(\.isNumber)
    }

    func end(_ node: SoakNode) throws {
        guard node.daemon.pid == process else { return }
        try LabCommand.run(["prlimit", "--pid", "\(process)", "--nofile=\(usual):"])
    }
}

/// The node gets one more address, and loses it again.
struct AddressAdded: SoakFault {
    let name = "address added"
    let touches: Set<Touched> = [.addresses]
    let lasts: ClosedRange<Double>? = 1...4

    func begin(_ node: SoakNode, _: inout SplitMix64) throws {
        try node.run("ip", "address", "add", "192.0.2.77/24", "dev", "eth0")
        // Never the source of the node's own connections, which would end with it.
        try node.run(
            "ip",
            "address",
            "add",
            "2001:db8::77/64",
            "dev",
            "eth0",
            "nodad",
            "preferred_lft",
            "0"
        )
    }

    func end(_ node: SoakNode) throws {
        try node.run("ip", "address", "delete", "192.0.2.77/24", "dev", "eth0")
        try node.run("ip", "address", "delete", "2001:db8::77/64", "dev", "eth0")
    }
}
