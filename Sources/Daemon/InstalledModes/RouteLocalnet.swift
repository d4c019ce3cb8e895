import Addressing
import Dataplane
package import DataplaneModel
import FoundationEssentials
import HostFacts
import Planning
import SystemCalls

/// The sysctl that lets packets with 127.0.0.0/8 addresses leave the loopback interface, which
/// node ports on 127.0.0.1 need, in the network namespace of the calling thread.
///
/// It is set only where it is off, and put back only if it was set here. That is noted in a file,
/// as the daemon may end in between: by namespace, and with the boot it holds for.
package final class RouteLocalnet: LocalnetRouting {
    private static let name = "net.ipv4.conf.all.route_localnet"

    /// It is off, and should be on.
    static let missing = ObjectDifference(
        kind: .sysctl,
        name: "\(name) = 1",
        state: .different,
        owner: .allServices
    )

    /// Where it is noted; nil is nowhere, so that only this process knows.
    private let directory: String?
    private var isOurs = false
    /// Found on, and set by someone else; nil if that has not been looked at since it was off.
    private var isForeign: Bool?
    package private(set) var noteProblem: DataplaneError?
    private let value = KeptSysctl(RouteLocalnet.name)

    package init(stateDirectory: String?) {
        directory = stateDirectory
    }

    package func isOn() throws(DataplaneError) -> Bool { try value.read() == "1" }

    /// Sets it if it is off. To be called when the guard against neighbours stands.
    package func enable() throws(DataplaneError) {
        guard try !isOn() else {
            if isOurs, noteProblem != nil { writeNote() }
            return
        }
        isOurs = true
        // Without the note it is put back unless the process ends before, and is guarded after that; that is no
        // reason to leave it off.
        writeNote()
        do throws(DataplaneError) {
            try Sysctl.write("1", to: Self.name)
        } catch {
            forget()
            throw error
        }
    }

    package var mustBeGuarded: Bool {
        do throws(DataplaneError) {
            guard try isOn() else {
                isForeign = nil
                return false
            }
        } catch {
            return isOurs
        }
        if isOurs { return true }
        if let isForeign { return !isForeign }
        // Without a note it is someone else's, but only where there could be one.
        let isForeign = !hasNote && canNote
        self.isForeign = isForeign
        return !isForeign
    }

    /// It is on, and an earlier process noted that it set it.
    var isNoted: Bool { hasNote && (try? isOn()) == true }

    /// Puts it back if it was set here; true if that was so.
    @discardableResult
    package func restore() throws(DataplaneError) -> Bool {
        guard isOurs || hasNote else { return false }
        if try Sysctl.read(Self.name) != "0" { try Sysctl.write("0", to: Self.name) }
        forget()
        return true
    }

    // MARK: - The note

    /// The number of the thread's network namespace is part of the name, as a host has several.
    private var path: String? {
        guard let directory,
            let link = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/thread-self/ns/net"
            )
        else { return nil }
        return "\(directory)/route_localnet-\(link.filter(\.isNumber))"
    }

    private var boot: String? { try? Sysctl.read("kernel.random.boot_id") }

    private var hasNote: Bool {
        guard let path, let boot, let note = try? WholeFile.read(path, limit: 64, regularOnly: true)
        else { return false }
        return note.elementsEqual("\(boot)\n".utf8)
    }

    private func writeNote() {
        guard let path, let boot, let directory else { return }
        do throws(FileError) {
            try Self.write("\(boot)\n", to: path, in: directory)
            noteProblem = nil
        } catch {
            noteProblem = .file(error, path)
        }
    }

    private static func write(
        _ text: String,
        to path: String,
        in directory: String
    ) throws(FileError) {
        try? FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        try WholeFile.replace(path, with: Array(text.utf8))
    }

    /// Whether a note can be written now.
    private var canNote: Bool {
        guard let path, boot != nil, let directory else { return false }
        let trial = path + ".trial"
        defer { try? FileManager.default.removeItem(atPath: trial) }
        do throws(FileError) {
            try Self.write("trial\n", to: trial, in: directory)
            return true
        } catch {
            return false
        }
    }

    private func forget() {
        isOurs = false
        noteProblem = nil
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
