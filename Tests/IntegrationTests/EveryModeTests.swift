import Addressing
import DataplaneModel
import Foundation
import NamespaceLab
import Testing

/// What holds for every mode, whatever objects it has in the kernel.
///
/// A new mode is covered as soon as it is a case of `ProxyMode`. If its objects are of a kind that
/// `picture` does not show, these tests fail until it does.
private struct EveryModeScript {
    let fixture: DaemonFixture

    init(_ mode: ProxyMode) throws {
        fixture = try DaemonFixture(mode: mode.rawValue, servers: false)
        try fixture.write(LifeScript.web(1, 2))
    }

    /// All that a mode may leave in the node's namespace, sorted: rules, sets, virtual servers,
    /// links, addresses and routes.
    private func picture() throws -> [String] {
        func lines(_ command: String) throws -> [String] {
            let words = command.split(separator: " ").map(String.init)
            // What this kernel or host does not have is empty.
            let (output, status) = try LabCommand.result(words, in: fixture.lab.node)
            return status == 0 ? output.split(separator: "\n").map(String.init) : []
        }
        // Built-in chains appear once a table has been read; chains that a program made have no
        // policy.
        let legacy = try fixture.rules(.ipv4) + fixture.rules(.ipv6)
        let links = try lines("ip -br link").compactMap { $0.split(separator: " ").first }
        let addresses = try lines("ip -br address").map { line in
            let words = line.split(separator: " ")
            return ([words[0]] + words.dropFirst(2)).joined(separator: " ")
        }
        let routes = try lines("ip route show table all") + lines("ip -6 route show table all")
        var all = legacy.filter { $0.hasPrefix("-A ") || $0.hasSuffix(" - ") }
        for command in ["nft -s list ruleset", "ipset save", "ipvsadm -Sn"] {
            all += try lines(command)
        }
        all += links.map(String.init) + addresses
        return (all + routes.map { $0.replacing(" linkdown", with: "") }).sorted()
    }

    /// The picture after `apply` in a mode.
    private func apply(_ mode: ProxyMode) throws -> [String] {
        try fixture.changeMode(mode.rawValue)
        let apply = try fixture.fairlead("apply")
        #expect(apply.status == 0, "\(mode): \(apply.output)")
        return try picture()
    }

    /// Changes from one mode to another and expects what the other has where it was the first.
    func change(from old: ProxyMode, to new: ProxyMode) throws {
        let empty = try picture()
        let wanted = try apply(new)
        #expect(wanted != empty, "\(new) has objects that the picture does not show")
        #expect(try fixture.fairlead("cleanup").status == 0)
        #expect(try difference(picture(), empty) == [], "after cleanup of \(new)")
        #expect(try ![empty, wanted].contains(apply(old)))
        // By a daemon, as what drains goes by and by.
        try fixture.changeMode(new.rawValue)
        try fixture.start()
        var left: [String] = []
        let isAlone = try eventually {
            left = try difference(picture(), wanted)
            return left.isEmpty
        }
        #expect(isAlone, "\(new) after \(old): \(left)\n\(fixture.log)")
        #expect(try fixture.stop() == 0)
        #expect(try fixture.fairlead("cleanup").status == 0)
        #expect(try difference(picture(), empty) == [], "after cleanup of both")
    }

    /// The lines that only one picture has.
    private func difference(_ left: [String], _ right: [String]) -> [String] {
        left.difference(from: right).map {
            switch $0 {
            case .insert(_, let line, _): "+\(line)"
            case .remove(_, let line, _): "-\(line)"
            }
        }
    }

    /// Removes every object behind the daemon's back.
    func repair() throws {
        try fixture.start()
        try fixture.waitUntilApplied()
        let before = try picture()
        // Beside the daemon it is refused, unless another state directory and socket keep it from knowing of that.
        let blind = "\(fixture.directory)/blind.yaml"
        try String(contentsOfFile: fixture.configuration, encoding: .utf8)
            .replacing("stateDirectory: \(fixture.directory)/state", with: "stateDirectory: \"\"")
            .replacing("fairlead.sock", with: "other.sock")
            .write(toFile: blind, atomically: true, encoding: .utf8)
        // Fails where the daemon has put a rule back before its set is removed, which is as good.
        _ = try LabCommand.result([BuiltProgram.fairlead, "cleanup", "-c", blind])
        try fixture.wait(for: "repair") { try picture() == before }
        try fixture.wait(for: "report of the repair") {
            fixture.log.contains("Repaired objects changed by another program")
        }
        #expect(try fixture.stop() == 0)
    }
}

extension KernelSuites {
    @Suite("Every mode")
    struct EveryModeTests {
        /// All but the one that needs another kernel.
        private static let modes = ProxyMode.allCases.filter { $0 != .ipvs }

        @Test(
            "A mode leaves nothing for the next one, and cleanup nothing at all",
            arguments: modes
        )
        func change(_ new: ProxyMode) throws {
            for old in Self.modes where old != new {
                try EveryModeScript(old).change(from: old, to: new)
            }
        }

        @Test("What another program removes is put back", arguments: modes)
        func repair(_ mode: ProxyMode) throws {
            try EveryModeScript(mode).repair()
        }
    }

    @Suite("Every mode in UML", .enabled(if: UserModeLinux.isHere))
    struct EveryModeUMLTests {
        /// The kernel with IPVS has no nftables.
        private static let others = ProxyMode.allCases.filter { ![.ipvs, .nftables].contains($0) }

        @Test("Nothing is left between ipvs mode and any other", arguments: others)
        func change(_ other: ProxyMode) throws {
            try EveryModeScript(.ipvs).change(from: .ipvs, to: other)
            try EveryModeScript(other).change(from: other, to: .ipvs)
        }

        @Test("What another program removes is put back")
        func repair() throws {
            try EveryModeScript(.ipvs).repair()
        }
    }
}
