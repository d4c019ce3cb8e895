import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// A program of others that lets no other one be attached beside it, or in directories below its own: it was attached
/// without BPF_F_ALLOW_MULTI.
enum AttachmentBlocker {
    /// - Throws: `.other` with what to do if there is one. What the kernel does not tell is left to the attempt.
    static func refuse(_ hook: SocketHook, at cgroup: String) throws(DataplaneError) {
        guard let (directory, program) = find(hook, at: cgroup) else { return }
        let name = BPFProgram.loaded(program).map { "\($0.name), " } ?? ""
        throw DataplaneError.system("bpf(BPF_LINK_CREATE)", directory, EPERM).explained(
            as: .other,
            """
            program \(name)id \(program), is attached to \(hook.callName) there without BPF_F_ALLOW_MULTI, so that no \
            other can be; have its owner attach it with that flag, detach it (bpftool cgroup detach \(directory) \
            \(hook.callName) id \(program)), or name a directory in socketLB.cgroup that is not below \(directory)
            """
        )
    }

    /// As the kernel looks: in the directory itself, then upwards to the first one that has programs or the flag.
    private static func find(
        _ hook: SocketHook,
        at cgroup: String
    ) -> (directory: String, program: UInt32)? {
        var directory = cgroup
        var isOwn = true
        while directory.count > 1, (try? FileSystem.magic(of: directory)) == Cgroup.magic,
            let present = try? CgroupPrograms(of: hook.call, at: directory)
        {
            if present.flags & BPF_F_ALLOW_MULTI != 0 { return nil }
            if let program = present.ids.first {
                let isOpen = !isOwn && present.flags & BPF_F_ALLOW_OVERRIDE != 0
                return isOpen ? nil : (directory, program)
            }
            isOwn = false
            directory = "/" + directory.split(separator: "/").dropLast().joined(separator: "/")
        }
        return nil
    }
}

/// The programs of one directory itself at a call.
struct CgroupPrograms {
    /// In the kernel's order; of more than 64 the first ones.
    let ids: [UInt32]
    /// How they are attached: BPF_F_ALLOW_MULTI and others.
    let flags: UInt32

    init(of call: bpf_attach_type, at directory: String) throws(DataplaneError) {
        let cgroup = try Cgroup.open(directory)
        var ids = [UInt32](repeating: 0, count: 64)
        var count = UInt32(ids.count)
        var flags: UInt32 = 0
        let status = unsafe bpf_prog_query(cgroup.number, call, 0, &flags, &ids, &count)
        guard status == 0 || status == -ENOSPC else {
            throw .system("bpf(BPF_PROG_QUERY)", directory, -status)
        }
        self.ids = Array(ids.prefix(Int(count)))
        self.flags = flags
    }
}
