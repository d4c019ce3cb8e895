import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// A program's attachment to a cgroup. It lasts as long as it is open here or pinned.
final class BPFLink {
    private let descriptor: OwnedDescriptor
    private let subject: String

    /// Becomes the owner of `number`, the descriptor of a link.
    private init(owning number: Int32, _ subject: String) {
        descriptor = OwnedDescriptor(owning: number)
        self.subject = subject
    }

    /// Attaches a program beside those that are there.
    init(
        attaching program: Int32,
        to cgroup: Int32,
        _ call: bpf_attach_type,
        _ subject: String
    ) throws(DataplaneError) {
        let number = bpf_link_create(program, cgroup, call, nil)
        guard number >= 0 else { throw .system("bpf(BPF_LINK_CREATE)", subject, -number) }
        descriptor = OwnedDescriptor(owning: number)
        self.subject = subject
    }

    /// The one that is pinned at a path; nil if there is none.
    static func pinned(_ path: String) throws(DataplaneError) -> BPFLink? {
        try BPFObject.open(path).map { BPFLink(owning: $0, path) }
    }

    struct Facts: Equatable {
        var id: UInt32
        var program: UInt32
        /// 0 if another program detached it, or the cgroup is gone.
        var cgroup: UInt64
        var call: UInt32
    }

    func facts() throws(DataplaneError) -> Facts {
        let info = try BPFObject.info(descriptor.number, subject, bpf_link_info())
        return Facts(
            id: info.id,
            program: info.prog_id,
            cgroup: info.cgroup.cgroup_id,
            call: info.cgroup.attach_type
        )
    }

    /// Replaces the program; no call meets neither.
    func update(_ program: Int32) throws(DataplaneError) {
        let status = bpf_link_update(descriptor.number, program, nil)
        guard status == 0 else { throw .system("bpf(BPF_LINK_UPDATE)", subject, -status) }
    }

    func pin(at path: String) throws(DataplaneError) {
        try BPFObject.pin(descriptor.number, at: path)
    }

    /// Ends the attachment now, and not when its last owner lets go. Older kernels than 5.9 do the latter.
    func detach() { _ = bpf_link_detach(descriptor.number) }
}
