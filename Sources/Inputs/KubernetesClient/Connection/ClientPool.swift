import AsyncHTTPClient
import NIOCore

/// The HTTP clients in use: the newest one for new requests, older ones until their last request
/// ends.
///
/// A client is bound to one server and one set of certificates. A rotated certificate so takes
/// effect with the next request, without closing a running watch.
struct ClientPool {
    struct Key: Hashable {
        var server: ServerAddress
        var authority: Secret?
        var certificate: Secret?
        var key: Secret?
        /// Of the access, which has more that a client depends on.
        var generation: Int

        init(_ server: ServerAddress, _ credentials: Credentials, _ generation: Int = 0) {
            self.server = server
            self.generation = generation
            authority = credentials.authority
            certificate = credentials.certificate
            key = credentials.key
        }
    }

    private struct Entry {
        let client: HTTPClient
        var uses = 0
    }

    private var entries: [Key: Entry] = [:]
    private var newest: Key?

    /// The key of the newest client, if it is for `server`.
    func newestKey(for server: ServerAddress) -> Key? {
        newest?.server == server ? newest : nil
    }

    /// The client for `key`, created with `make` if there is none; in use until `release`.
    mutating func lease(
        _ key: Key,
        _ make: () throws(ClientError) -> HTTPClient
    ) throws(ClientError) -> HTTPClient {
        var entry: Entry
        if let found = entries[key] {
            entry = found
        } else {
            entry = Entry(client: try make())
        }
        entry.uses += 1
        entries[key] = entry
        if newest != key {
            newest = key
            for (other, entry) in entries where entry.uses == 0 { remove(other) }
        }
        return entry.client
    }

    mutating func release(_ key: Key) {
        entries[key]?.uses -= 1
        if key != newest, entries[key]?.uses == 0 { remove(key) }
    }

    /// Shuts down all clients and cancels their requests.
    mutating func removeAll() -> [HTTPClient] {
        defer { entries = [:] }
        return entries.values.map(\.client)
    }

    private mutating func remove(_ key: Key) {
        guard let client = entries.removeValue(forKey: key)?.client else { return }
        // Nothing runs on it; the only possible error is that it was shut down before.
        client.shutdown { _ in }
    }
}
