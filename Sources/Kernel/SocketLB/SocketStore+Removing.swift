import Addressing
import CSocketLB
package import DataplaneModel
import Glibc
import HostFacts

extension SocketStore {
    /// Names of what is pinned below a directory, such as `ipv4/links/fl_connect4`, sorted.
    ///
    /// - Throws: if it cannot be read.
    package static func pinned(directory: String) throws(DataplaneError) -> [String] {
        var found: [String] = []
        for family in IPFamily.allCases {
            let pins = PinDirectory(directory, family)
            for folder in folders(of: pins) {
                let names = try PinFolder.names(in: folder)
                found += names.map { "\(folder)/\($0)" }
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
    /// - Throws: the kernel's refusal of a read or a removal.
    package static func removeOwn(directory: String) throws(DataplaneError) -> Int? {
        guard try !pinned(directory: directory).isEmpty else { return 0 }
        guard try !isForeign(directory: directory) else { return nil }
        do throws(DataplaneError) {
            try PinLock.take(directory)
        } catch {
            guard error.kind == .busy else { throw error }
            return nil
        }
        return try removeAll(directory: directory)
    }

    /// Detaches the programs of both families and removes everything that is pinned; none is left to wait
    /// for a last owner. Programs come first, and of those the ones that take a frontend away.
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
            for folder in folders(of: pins) {
                let names = try PinFolder.names(in: folder)
                for name in names { unsafe try PinFolder.remove("\(folder)/\(name)", unlink) }
                count += names.count
                unsafe try PinFolder.remove(folder, rmdir)
            }
            unsafe try PinFolder.remove(pins.path, rmdir)
        }
        // Another program may have something there, and the service manager may let nothing else be written but what is in
        // it.
        let harmless = [ENOTEMPTY, ENOENT, EBUSY, EROFS]
        if unsafe rmdir(directory) != 0, !harmless.contains(errno) {
            throw .system("rmdir", directory, errno)
        }
        return count
    }

    /// In the order in which they are emptied.
    private static func folders(of pins: PinDirectory) -> [String] {
        [pins.links, pins.programs, pins.maps]
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

    /// It is fine if it is gone.
    fileprivate static func remove(
        _ path: String,
        _ call: (UnsafePointer<CChar>) -> Int32
    ) throws(DataplaneError) {
        let status = unsafe path.withCString { unsafe call($0) }
        if status != 0, errno != ENOENT { throw .system("unlink", path, errno) }
    }
}
