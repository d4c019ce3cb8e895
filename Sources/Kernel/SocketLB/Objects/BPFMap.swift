import CBPF
import DataplaneModel
import Glibc
import HostFacts
import SystemCalls

/// An open map of the kernel.
final class BPFMap {
    private let descriptor: OwnedDescriptor
    let subject: String
    let id: UInt32
    let capacity: Int
    let keySize: Int
    let valueSize: Int

    /// Becomes the owner of `number`, the descriptor of a map. `subject` names it in errors.
    init(owning number: Int32, _ subject: String) throws(DataplaneError) {
        descriptor = OwnedDescriptor(owning: number)
        self.subject = subject
        let info = try BPFObject.info(number, subject, bpf_map_info())
        id = info.id
        capacity = Int(info.max_entries)
        keySize = Int(info.key_size)
        valueSize = Int(info.value_size)
    }

    var number: Int32 { descriptor.number }

    /// An entry that the kernel did not take.
    struct Refusal {
        var index: Int
        var errno: Int32
    }

    /// Adds entries or replaces their values, each at once as readers see it. Returns those that were refused;
    /// the others are there.
    ///
    /// The types must have the map's sizes, and no padding.
    func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ entries: (keys: [Key], values: [Value])
    ) -> [Refusal] {
        precondition(entries.keys.count == entries.values.count && fits(Key.self, Value.self))
        return unsafe entries.keys.withUnsafeBytes { keys in
            unsafe entries.values.withUnsafeBytes { values in
                inBatches(entries.keys.count) { done, count in
                    // Neither is written, and both have `count` records from there on.
                    unsafe bpf_map_update_batch(
                        number,
                        keys.baseAddress.map { unsafe $0 + done * keySize },
                        values.baseAddress.map { unsafe $0 + done * valueSize },
                        &count,
                        nil
                    )
                }
            }
        }
    }

    /// Removes entries; it is fine if they are gone.
    func remove<Key: BitwiseCopyable>(_ keys: [Key]) -> [Refusal] {
        precondition(fits(Key.self))
        let refusals = unsafe keys.withUnsafeBytes { bytes in
            inBatches(keys.count) { done, count in
                unsafe bpf_map_delete_batch(
                    number,
                    bytes.baseAddress.map { unsafe $0 + done * keySize },
                    &count,
                    nil
                )
            }
        }
        return refusals.filter { $0.errno != ENOENT }
    }

    private func fits<Key, Value>(_ key: Key.Type, _ value: Value.Type) -> Bool {
        MemoryLayout<Value>.stride == valueSize && fits(key)
    }

    private func fits<Key>(_ key: Key.Type) -> Bool { MemoryLayout<Key>.stride == keySize }

    /// Calls `body` until all of `total` records are done or refused: from `done` on there are `count`, and
    /// it sets that to how many it did before the one that was refused.
    private func inBatches(_ total: Int, _ body: (Int, inout UInt32) -> Int32) -> [Refusal] {
        var refusals: [Refusal] = []
        var done = 0
        while done < total {
            let left = UInt32(total - done)
            var count = left
            let status = body(done, &count)
            ThreadProgress.step()
            if status == 0 { break }
            // A call that fails before the first record leaves the count as it was.
            done += count < left ? Int(count) : 0
            refusals.append(Refusal(index: done, errno: -status))
            done += 1
        }
        return refusals
    }

    /// The value of a key; nil if there is none.
    func value<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        of key: Key,
        _ empty: Value
    ) throws(DataplaneError) -> Value? {
        precondition(fits(Key.self, Value.self))
        var value = empty
        let status = unsafe withUnsafePointer(to: key) { key in
            unsafe withUnsafeMutablePointer(to: &value) {
                unsafe bpf_map_lookup_elem(number, key, $0)
            }
        }
        if status == 0 { return value }
        if status == -ENOENT { return nil }
        throw .system("bpf(BPF_MAP_LOOKUP_ELEM)", subject, -status)
    }
}

// MARK: Reading all

extension BPFMap {
    /// All entries, in the kernel's order. An entry that is written meanwhile may be missing.
    func entries<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key.Type,
        _ value: Value.Type
    ) throws(DataplaneError) -> (keys: [Key], values: [Value]) {
        precondition(fits(key, value))
        var all: (keys: [Key], values: [Value]) = ([], [])
        // The kernel reads whole buckets, which are mostly of one entry.
        var size = 4096
        // Its place in the map, from call to call.
        var place: UInt32 = 0
        var isFirst = true
        while true {
            var count = UInt32(size)
            var status: Int32 = 0
            let values = unsafe [Value](unsafeUninitializedCapacity: size) { values, filledValues in
                let keys = unsafe [Key](unsafeUninitializedCapacity: size) { keys, filledKeys in
                    var next: UInt32 = 0
                    status = unsafe withUnsafeMutablePointer(to: &place) { place in
                        unsafe bpf_map_lookup_batch(
                            number,
                            isFirst ? nil : place,
                            &next,
                            keys.baseAddress,
                            values.baseAddress,
                            &count,
                            nil
                        )
                    }
                    // ENOENT: these are the last ones. With other errors nothing was read.
                    let isRead = status == 0 || status == -ENOENT
                    if isRead { place = next }
                    filledKeys = isRead ? Int(count) : 0
                    filledValues = filledKeys
                }
                all.keys += keys
            }
            all.values += values
            ThreadProgress.step()
            try OptionalWork.goOn(subject)
            switch status {
            case 0: isFirst = false
            case -ENOENT: return all
            case -ENOSPC: size *= 2
            default: throw .system("bpf(BPF_MAP_LOOKUP_BATCH)", subject, -status)
            }
        }
    }
}
