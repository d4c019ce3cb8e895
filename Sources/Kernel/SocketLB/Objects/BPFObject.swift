import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls
import SystemPackage

/// What maps, programs and links have in common.
enum BPFObject {
    /// What the kernel says of an object; `Info` is the structure for its
    /// kind, and `empty` one of zeros.
    static func info<Info>(
        _ number: Int32,
        _ subject: String,
        _ empty: Info
    ) throws(DataplaneError) -> Info {
        var info = empty
        var size = UInt32(MemoryLayout<Info>.size)
        let status = unsafe withUnsafeMutablePointer(to: &info) {
            unsafe bpf_obj_get_info_by_fd(number, $0, &size)
        }
        guard status == 0 else { throw .system("bpf(BPF_OBJ_GET_INFO_BY_FD)", subject, -status) }
        return info
    }

    /// Opens what is pinned at a path; nil if nothing is.
    static func open(_ path: String) throws(DataplaneError) -> Int32? {
        let number = unsafe bpf_obj_get(path)
        if number >= 0 { return number }
        if number == -ENOENT || number == -ENOTDIR { return nil }
        throw .system("bpf(BPF_OBJ_GET)", path, -number)
    }

    /// Where an object stands until it takes its place; the file system takes no name with a dot.
    static func unfinished(_ path: String) -> String { "\(path)-new" }

    /// Pins an object, in place of what is at the path.
    static func pin(_ number: Int32, at path: String) throws(DataplaneError) {
        let next = unfinished(path)
        unsafe _ = unlink(next)
        let status = unsafe bpf_obj_pin(number, next)
        guard status == 0 else { throw .system("bpf(BPF_OBJ_PIN)", path, -status) }
        guard unsafe rename(next, path) == 0 else { throw .system("rename", path, errno) }
    }
}
