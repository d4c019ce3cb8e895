import Addressing
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts

extension SocketStore {
    /// Names of what is pinned below a directory and can be Fairlead's, such as `ipv4/links/fl_connect4`, sorted.
    ///
    /// - Throws: if it cannot be read.
    package static func pinned(directory: String) throws(DataplaneError) -> [String] {
        var found: [String] = []
        for family in IPFamily.allCases {
            let pins = PinDirectory(directory, family)
            for folder in pins.folders {
                found += try PinFolder.names(in: folder.path).filter(folder.names.contains)
                    .map { "\(folder.path)/\($0)" }
            }
        }
        return found.map { String($0.dropFirst(directory.count + 1)) }.sorted()
    }

    /// Whether what is pinned below a directory is of another network namespace than the calling thread's, and
    /// so another daemon's. False if that does not show.
    ///
    /// - Throws: the kernel's refusal of a read.
    package static func isForeign(directory: String) throws(DataplaneError) -> Bool {
        let own: UInt64
        do throws(DataplaneError) {
            own = try NodeNamespace.cookie()
        } catch {
            // Where no daemon of this namespace can have attached anything.
            guard error.kind == .unsupported else { throw error }
            return true
        }
        for family in IPFamily.allCases {
            let pins = PinDirectory(directory, family)
            let maps = try SocketMaps.pinned(pins.pin, family)
            guard try maps.haveThisLayout else { continue }
            if try maps.settings().node_namespace != own { return true }
        }
        return false
    }

    /// As `removeAll`, unless what is pinned is another daemon's, of another network namespace or one that runs: nil
    /// then.
    ///
    /// - Throws: `.invalid` if others may change what is pinned in the directory, as it is none of Fairlead's then; the
    ///   kernel's refusal of a read or a removal.
    package static func removeOwn(directory: String) throws(DataplaneError) -> Int? {
        guard try !pinned(directory: directory).isEmpty else { return 0 }
        try PinFolder.check(directory)
        guard try !isForeign(directory: directory) else { return nil }
        do throws(DataplaneError) {
            try PinLock.take(directory)
        } catch {
            guard error.kind == .busy else { throw error }
            return nil
        }
        return try removeAll(directory: directory)
    }

    /// Detaches the programs of both families and removes everything of Fairlead's that is pinned; none is left to wait
    /// for a last owner. Programs come first, and of those the ones that take a frontend away. What others pinned beside
    /// it stays, and so do the directories that it is in.
    ///
    /// - Returns: the number of removed objects; 0 if nothing is there.
    /// - Throws: the kernel's refusal of a removal.
    @discardableResult
    package static func removeAll(directory: String) throws(DataplaneError) -> Int {
        guard unsafe access(directory, F_OK) == 0 else { return 0 }
        var count = 0
        for family in IPFamily.allCases {
            let pins = PinDirectory(directory, family)
            for hook in SocketHook.all(family).reversed() {
                try BPFLink.pinned(pins.link(of: hook))?.detach()
            }
            for folder in pins.folders {
                for name in try PinFolder.names(in: folder.path) where folder.names.contains(name) {
                    unsafe try PinFolder.remove("\(folder.path)/\(name)", unlink, [ENOENT])
                    count += 1
                }
                unsafe try PinFolder.remove(folder.path, rmdir, [ENOENT, ENOTEMPTY])
            }
            unsafe try PinFolder.remove(pins.path, rmdir, [ENOENT, ENOTEMPTY])
        }
        // The service manager may let nothing else be written but what is in it.
        unsafe try PinFolder.remove(directory, rmdir, [ENOENT, ENOTEMPTY, EBUSY, EROFS])
        return count
    }
}

extension PinDirectory {
    /// Where something is pinned, in the order in which that is emptied, and the names that it can have.
    fileprivate var folders: [(path: String, names: Set<String>)] {
        let programs = SocketHook.all(family).map(\.program)
        let maps = SocketMapName.allCases.map(\.rawValue)
        func names(_ names: [String]) -> Set<String> {
            Set(names + names.map(BPFObject.unfinished))
        }
        return [
            (links, names(programs)), (self.programs, names(programs)), (self.maps, names(maps)),
        ]
    }
}

extension PinFolder {
    /// None for a directory that does not exist, and for one that this process may not look into: it can have
    /// pinned nothing there.
    static func names(in path: String) throws(DataplaneError) -> [String] {
        do throws(DataplaneError) {
            return try directoryNames(in: path)
        } catch {
            guard error.kind == .notFound || error.errno == EACCES else { throw error }
            return []
        }
    }

    /// With the errors that are no failure.
    fileprivate static func remove(
        _ path: String,
        _ call: (UnsafePointer<CChar>) -> Int32,
        _ harmless: [Int32]
    ) throws(DataplaneError) {
        let status = unsafe path.withCString { unsafe call($0) }
        if status != 0, !harmless.contains(errno) { throw .system("unlink", path, errno) }
    }
}
