import Addressing
import Foundation
package import NamespaceLab

/// The files of a lab, in a directory of its own under /run: its shape, the
/// configuration of each node's daemon, and all logs.
package struct LabHome: Sendable {
    private static let root = "/run/fairlead-lab"

    package let shape: LabShape
    package var directory: String { Self.directory(shape.name) }

    /// Manifests that all nodes follow.
    package var services: String { "\(directory)/services.d" }

    package func configuration(ofNode node: Int) -> String { "\(directory)/node\(node).yaml" }

    package func log(of member: String) -> String { "\(directory)/\(member).log" }

    private static func directory(_ name: String) -> String { "\(root)/\(name)" }

    private init(_ shape: LabShape) {
        self.shape = shape
    }

    /// Creates the directory, in place of one that was left. Throws if the system refuses.
    package static func make(for shape: LabShape) throws(LabError) -> LabHome {
        try remove(shape.name)
        let home = LabHome(shape)
        do {
            try FileManager.default.createDirectory(
                atPath: home.services,
                withIntermediateDirectories: true
            )
        } catch {
            throw LabError("\(home.services): cannot be created: \(systemReason(error))")
        }
        try home.write("\(shape)\n", to: "shape")
        return home
    }

    /// The files of a lab that is up. Throws if there is no such lab, or only part of one.
    package static func find(_ name: String) throws(LabError) -> LabHome {
        try LabShape.check(name: name)
        guard !LabBuilder.namespaces(of: name).isEmpty else {
            throw LabError("there is no lab \(name); make it with fairlead-lab up \(name)")
        }
        let file = "\(directory(name))/shape"
        guard let text = try? String(contentsOfFile: file, encoding: .utf8),
            let shape = LabShape(text), shape.name == name
        else {
            throw LabError(
                "\(file): cannot be read; lab \(name) is a leftover: fairlead-lab down \(name)"
            )
        }
        return LabHome(shape)
    }

    /// Whether there was one. Throws if it cannot be removed.
    @discardableResult
    package static func remove(_ name: String) throws(LabError) -> Bool {
        try LabShape.check(name: name)
        let path = directory(name)
        guard FileManager.default.fileExists(atPath: path) else { return false }
        try LabSocketLevel.remove(name, in: path)
        do {
            try FileManager.default.removeItem(atPath: path)
            return true
        } catch {
            throw LabError("\(path): cannot be removed: \(systemReason(error))")
        }
    }

    /// Replaces a file as a whole. Throws if it cannot be written.
    package func write(_ text: String, to file: String) throws(LabError) {
        do {
            try text.write(toFile: "\(directory)/\(file)", atomically: true, encoding: .utf8)
        } catch {
            throw LabError("\(directory)/\(file): cannot be written: \(systemReason(error))")
        }
    }

    package func remove(_ file: String) {
        try? FileManager.default.removeItem(atPath: "\(directory)/\(file)")
    }

    /// Empty if it is not there.
    package func read(_ file: String) -> String {
        (try? String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)) ?? ""
    }

    package func logged(by member: String) -> String { read("\(member).log") }
}

/// The text of the system's error, which Foundation's error wraps.
private func systemReason(_ error: any Error) -> String {
    guard let system = (error as? CocoaError)?.underlying as? POSIXError else { return "\(error)" }
    return String(cString: strerror(system.code.rawValue))
}
