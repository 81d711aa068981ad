// The page is written in English. Gradio names it after the browser's language, and a screen reader would believe that.
const page = document.documentElement;
const english = () => {
  if (page.lang !== "en") page.lang = "en";
};

english();
new MutationObserver(english).observe(page, { attributeFilter: ["lang"] });
