import Addressing
import Dataplane
package import DataplaneModel
import FoundationEssentials
import Glibc
import HostFacts
import Planning
import SystemCalls

/// The sysctl that lets packets with 127.0.0.0/8 addresses leave the loopback interface, which
/// node ports on 127.0.0.1 need, in the network namespace of the calling thread.
///
/// It is set only where it is off, and put back only if it was set here. Who set it is noted in a file,
/// as the daemon may end in between: by namespace, and with the boot it holds for.
package final class RouteLocalnet: LocalnetRouting {
    private static let name = "net.ipv4.conf.all.route_localnet"

    /// Where it is noted; nil is nowhere, so that only this process knows.
    private let directory: String?
    private var isOurs = false
    /// Found on, and set by someone else; nil if that has not been looked at since it was off.
    private var isForeign: Bool?
    package private(set) var noteProblem: DataplaneError?
    /// Found on where rules of an earlier process guard it, without a note.
    private var isDoubtful = false
    /// It was off, so that rules in the kernel say nothing about an earlier process any more.
    private var wasOff = false
    private let value = KeptSysctl(RouteLocalnet.name)
    private let isGuarded: () throws(DataplaneError) -> Bool

    /// `isGuarded`: the kernel holds rules that keep neighbours out, which only Fairlead brings: where it needs the
    /// setting, or in mode nftables where it may.
    package init(
        stateDirectory: String?,
        isGuarded: @escaping () throws(DataplaneError) -> Bool = LocalhostGuard.isInKernel
    ) {
        directory = stateDirectory
        self.isGuarded = isGuarded
    }

    package func isOn() throws(DataplaneError) -> Bool { try value.read() == "1" }

    /// Sets it if it is off; true if so. To be called when the guard against neighbours stands.
    package func enable() throws(DataplaneError) -> Bool {
        guard try !isOn() else {
            if isOurs, noteProblem != nil { writeNote() }
            return false
        }
        isOurs = true
        // Without the note it is put back unless the process ends before, and is guarded after that; that is no
        // reason to leave it off.
        writeNote()
        if let noteProblem, note == .others {
            // After a restart it would be taken for someone else's, and not be guarded.
            forget()
            throw noteProblem
        }
        do throws(DataplaneError) {
            try Sysctl.write("1", to: Self.name)
        } catch {
            forget()
            throw error
        }
        return true
    }

    package func mustBeGuarded(isPlanned: Bool) -> Bool {
        do throws(DataplaneError) {
            guard try isOn() else {
                if !wasOff || isForeign == true, note == .others { removeNote() }
                isForeign = nil
                isDoubtful = false
                wasOff = true
                return false
            }
        } catch {
            // It may be on.
            return isOurs || note == .ours || (try? isGuarded()) != false
        }
        if isOurs { return true }
        // Another process may have switched it off and on since.
        if let note {
            isForeign = note == .others
            isDoubtful = false
            return note == .ours
        }
        if isForeign == nil {
            do throws(DataplaneError) {
                // If it was off, rules of this process's own plan say nothing.
                isDoubtful = wasOff && isPlanned ? false : try isGuarded()
            } catch {
                return true
            }
            isForeign = !isDoubtful
        }
        if isForeign == true { noteOthers() }
        return isForeign == false
    }

    package var doubt: DataplaneError? {
        isDoubtful && (try? isOn()) != false ? Self.unknownOrigin : nil
    }

    /// It is on, and an earlier process noted that it set it, or left its rules that guard it.
    var isLeftOn: Bool {
        guard (try? isOn()) == true else { return false }
        return note.map { $0 == .ours } ?? ((try? isGuarded()) != false)
    }

    /// How it is not as a daemon would set it; nil if it is.
    func difference(isNeeded: Bool) throws(DataplaneError) -> ObjectDifference? {
        // Where nothing needs it, it does not matter whether there is such a setting.
        let isOn = isNeeded ? try isOn() : (try? isOn()) ?? false
        guard isOn != isNeeded, isNeeded || note == .ours else { return nil }
        return ObjectDifference(
            kind: .sysctl,
            name: "\(Self.name), "
                + (isNeeded ? "which is off and should be on" : "which is on and should be off"),
            state: .different,
            owner: .allServices
        )
    }

    /// To be called right before the rules that keep neighbours out go: as `restore`, but it must not stay on if it may
    /// have been set here.
    ///
    /// - Throws: also if nothing but those rules tells who set it; they are to stay then.
    package func release() throws(DataplaneError) -> Bool {
        if try restore() { return true }
        if note == nil, try isOn(), try isGuarded() { throw Self.unknownOrigin }
        return false
    }

    private static var unknownOrigin: DataplaneError {
        .system(
            "reading who switched it on",
            name,
            ENOENT,
            kind: .other,
            message:
                "no note tells, and as rules keep neighbours out of 127.0.0.0/8 it may have been Fairlead: run `sysctl -w \(name)=0`"
        )
    }

    /// Puts it back if it was set here; true if that was so.
    @discardableResult
    package func restore() throws(DataplaneError) -> Bool {
        guard isOurs || note == .ours else { return false }
        if try Sysctl.read(Self.name) != "0" { try Sysctl.write("0", to: Self.name) }
        forget()
        return true
    }

    // MARK: - The note

    /// Who set it.
    private enum Note: String, CaseIterable {
        case ours = ""
        case others = " others"
    }

    /// The number of the thread's network namespace is part of the name, as a host has several.
    private var path: String? {
        guard let directory,
            let link = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/thread-self/ns/net"
            )
        else { return nil }
        return "\(directory)/route_localnet-\(link.filter(\.isNumber))"
    }

    /// What a note holds for: this boot, and this network namespace, as the number in its name may be that of one that is
    /// gone.
    private var validity: String? {
        guard let boot = try? Sysctl.read("kernel.random.boot_id") else { return nil }
        return NetworkNamespace.cookie.map { "\(boot) \($0)" } ?? boot
    }

    private var note: Note? {
        guard let path, let validity,
            let text = try? WholeFile.read(path, limit: 128, regularOnly: true)
        else { return nil }
        return Note.allCases.first { text.elementsEqual("\(validity)\($0.rawValue)\n".utf8) }
    }

    private func writeNote() {
        guard let path, let validity, let directory else { return }
        do throws(FileError) {
            try Self.write("\(validity)\(Note.ours.rawValue)\n", to: path, in: directory)
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

    /// Notes that someone else set it. Without the note, a later process that finds rules which guard it keeps them.
    private func noteOthers() {
        guard let path, let validity, let directory else { return }
        try? Self.write("\(validity)\(Note.others.rawValue)\n", to: path, in: directory)
    }

    private func forget() {
        isOurs = false
        noteProblem = nil
        removeNote()
    }

    private func removeNote() {
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }
}
