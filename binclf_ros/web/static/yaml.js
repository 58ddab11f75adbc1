// SPDX-License-Identifier: Apache-2.0
// What was set up, as a file of ROS parameters. A text in JSON is a text in YAML.

const float = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

export function yamlOf(features, parameters) {
  const lines = ['/**:', '  featurizer:', '    ros__parameters:'];
  if (features.length) {
    lines.push('      features:', ...features.map((each) => `        - ${JSON.stringify(each)}`));
  }
  lines.push(`      label: ${JSON.stringify(parameters.featurizer?.label || '/label/data')}`);
  const predictor = Object.entries(parameters.predictor ?? {});
  if (predictor.length) {
    lines.push('  predictor:', '    ros__parameters:');
    lines.push(...predictor.map(([name, value]) => `      ${name}: ${float(value)}`));
  }
  return `${lines.join('\n')}\n`;
}
