import ServiceModel
import ServiceSources

enum PictureManifest {
    static func snapshot(_ text: String) -> ServiceSnapshot {
        var store = ManifestStore(decoder: ManifestDecoder())
        _ = store.update("input.yaml", .text(text))
        return store.snapshot
    }
}
