import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// What the kernel says of a program.
struct BPFProgram {
    var id: UInt32
    var name: String
    /// The identifiers of the maps that it uses.
    var maps: Set<UInt32>

    private static let mostMaps = 32

    /// The one that is pinned at a path; nil if there is none.
    static func pinned(_ path: String) throws(DataplaneError) -> BPFProgram? {
        guard let number = try BPFObject.open(path) else { return nil }
        return try BPFProgram(OwnedDescriptor(owning: number), path)
    }

    /// Any program. Nil if it is gone, or without CAP_SYS_ADMIN.
    static func loaded(_ id: UInt32) -> BPFProgram? {
        let number = bpf_prog_get_fd_by_id(id)
        guard number >= 0 else { return nil }
        return try? BPFProgram(OwnedDescriptor(owning: number), "program \(id)")
    }

    private init(
        _ descriptor: borrowing OwnedDescriptor,
        _ subject: String
    ) throws(DataplaneError) {
        var ids = [UInt32](repeating: 0, count: Self.mostMaps)
        var info = bpf_prog_info()
        var size = UInt32(MemoryLayout<bpf_prog_info>.size)
        let number = descriptor.number
        // The kernel fills the array during the call.
        let status = unsafe ids.withUnsafeMutableBytes { bytes in
            info.nr_map_ids = UInt32(Self.mostMaps)
            info.map_ids = UInt64(UInt(bitPattern: bytes.baseAddress))
            return unsafe withUnsafeMutablePointer(to: &info) {
                unsafe bpf_obj_get_info_by_fd(number, $0, &size)
            }
        }
        guard status == 0 else { throw .system("bpf(BPF_OBJ_GET_INFO_BY_FD)", subject, -status) }
        id = info.id
        maps = Set(ids.prefix(Int(info.nr_map_ids)))
        name = unsafe withUnsafeBytes(of: info.name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
