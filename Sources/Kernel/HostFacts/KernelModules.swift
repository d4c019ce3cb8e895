import Glibc
import SystemCalls

/// Which modules the running kernel has or could load, according to sysfs and modprobe's database.
package struct KernelModules {
    package enum State: Sendable, Equatable {
        /// Loaded or built in.
        case present
        /// modprobe, or the kernel by itself, can load it.
        case loadable
        case absent
        /// There is no database, as in a container without the host's /lib/modules.
        case unknown
    }

    /// The running kernel's directory in /lib/modules.
    package let directory: String
    /// Names with underscores.
    private let builtin: Set<String>?
    private let loadable: Set<String>?

    package init(release: String = KernelVersion.release, root: String = "/lib/modules") {
        directory = "\(root)/\(release)"
        builtin = Self.names("\(directory)/modules.builtin")
        loadable = Self.names("\(directory)/modules.dep")
    }

    package func state(_ name: String) -> State {
        // Built-in modules are only there if they have parameters or a version.
        if unsafe access("/sys/module/\(name)", F_OK) == 0 { return .present }
        guard let builtin, let loadable else { return .unknown }
        if builtin.contains(name) { return .present }
        return loadable.contains(name) ? .loadable : .absent
    }

    /// The names in lines such as `kernel/net/netfilter/ipvs/ip_vs.ko.xz: …`.
    static func names(in text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").map { line in
                let path = line.prefix { $0 != ":" }
                let file = path.split(separator: "/").last ?? ""
                return String(file.prefix { $0 != "." }.map { $0 == "-" ? "_" : $0 })
            }
        )
    }

    private static func names(_ path: String) -> Set<String>? {
        guard let bytes = try? WholeFile.read(path, limit: 16 << 20) else { return nil }
        return names(in: String(decoding: bytes, as: UTF8.self))
    }
}
