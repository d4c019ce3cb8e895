import Foundation
import ServiceModel
import ServiceSources
import Synchronization
import Testing

@Suite("Manifests that are missing")
struct MissingManifestTests {
    /// A directory of its own, gone afterwards.
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path + "/d",
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private func write(_ number: Int, _ directory: String) throws {
        let text =
            "services: [{name: shop/s\(number), address: 10.96.1.\(number), ports: [{port: 80}], "
            + "endpoints: [{address: 10.180.0.\(number)}]}]\n"
        try text.write(
            toFile: "\(directory)/d/\(number).yaml",
            atomically: true,
            encoding: .utf8
        )
    }

    private func remove(_ number: Int, _ directory: String) throws {
        try FileManager.default.removeItem(atPath: "\(directory)/d/\(number).yaml")
    }

    private func source(_ directory: String) -> FileSource {
        FileSource(path: directory + "/d", stateDirectory: directory + "/state")
    }

    private func kinds(_ update: SnapshotUpdate?) -> [Removals.Kind] {
        Array(update?.removals.services.values ?? [:].values)
    }

    @Test(
        "Manifests of the last run that a restart does not find are missing while their Services are held"
    )
    func restart() async throws {
        try await withDirectory { directory in
            for number in 1...3 { try write(number, directory) }
            do {
                var updates = source(directory).updates().makeAsyncIterator()
                #expect(await updates.next()?.snapshot.services.count == 3)
                for number in 1...3 { try remove(number, directory) }
                let update = try #require(await updates.next())
                #expect(update.snapshot.services.isEmpty)
                #expect(kinds(update) == [.missing, .missing, .missing])
            }
            do {
                let again = source(directory)
                var updates = again.updates().makeAsyncIterator()
                #expect(await updates.next()?.snapshot.services.count == 3)
                let update = try #require(await updates.next())
                #expect(update.snapshot.services.isEmpty)
                #expect(kinds(update) == [.missing, .missing, .missing])
                again.forgetMissing(upTo: update.snapshot.revision)
                // Queued behind that.
                _ = again.load()
            }
            var updates = source(directory).updates().makeAsyncIterator()
            #expect(await updates.next()?.snapshot.services.isEmpty == true)
        }
    }

    @Test("A manifest that went while nothing ran does not come back with the next mistake")
    func staleCopies() async throws {
        try await withDirectory { directory in
            for number in 1...3 { try write(number, directory) }
            #expect(source(directory).load()?.snapshot.services.count == 3)
            try remove(2, directory)
            #expect(source(directory).load()?.snapshot.services.count == 2)
            try "services: [{name: shop/s2, addr".write(
                toFile: "\(directory)/d/2.yaml",
                atomically: true,
                encoding: .utf8
            )
            let update = source(directory).load()
            #expect(update?.snapshot.services.count == 2)
            #expect(update?.snapshot.issues.isEmpty == false)
        }
    }

    @Test("What another file system at the path lacks is missing; what one's own lacks was deleted")
    func unmounted() async throws {
        try await withDirectory { directory in
            for number in 1...3 { try write(number, directory) }
            let device = Mutex<UInt64>(1)
            let source = FileSource(
                path: directory + "/d",
                fileSystem: { _ in device.withLock { $0 } }
            )
            var updates = source.updates().makeAsyncIterator()
            #expect(await updates.next()?.snapshot.services.count == 3)
            device.withLock { $0 = 2 }
            try remove(1, directory)
            #expect(kinds(await updates.next()) == [.missing])
            try remove(2, directory)
            #expect(kinds(await updates.next()) == [.deleted])
        }
    }
}
